"""Makes `ragqa/text/ordinary.txt` of the dictionary of jieba 0.42.1 (MIT licence), which counts and sorts words.

python tools/ordinary_words.py jieba/dict.txt > ragqa/text/ordinary.txt
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ragqa.text.folding import fold
from ragqa.text.ordinary import Words


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HAN = re.compile("[\u3400-\u9fff]+")
_NAMES = ("nr", "ns", "nt", "nz")
"""How the kinds of names begin: of people, places, bodies, and others."""
_COUNTS = {1: 10_000, 2: 50}
"""A word of so many characters is ordinary if the dictionary has counted it so often."""
_NUMERALS = "〇零一二三四五六七八九十百千万亿两廿卅"
_PLACE_COUNT = 100
_LANDSCAPE = frozenset(
    "山河江湖海洋洲城门路桥市区县镇村国王大小上下入出长高深新旧古内外东西南北中口水石岛川林丘谷原京都宫街"
    "巷港湾关台寺里地天云平半回开建立治归复列诸万三四五六七九两二一州省乡部重风马龙虎白黑红青黄花竹泉畔岸底峰"
    "岭坡脉洞峡流域沟郊野"
)
"""Words made of nothing but these are as often common nouns, which the dictionary lists as places too."""
_NO_PLACES = _words(
    """城市 美丽 太阳 朝廷 普及 新鲜 深度 长度 契约 法典 赞美 神圣 自治州 自治县 共和国 上半场 中断 日志 莫非
        莫大 加盟 都市 琉璃瓦 舞美 二哥 金牙 开朗 大伯 香水 广为 加密 美感 美化 乌黑 白嫩 远非 信口开河 满头大汗
        大兴土木 高高兴兴 吉他 苏打 爱美 英里 华里 满意度 铺平 朝拜 朝圣 朝霞 朝贡 朝外 株连 法度 法门 爱国 江湖
        平原 高原 城镇 湖泊 河畔 都城 城堡 城垣 桥头堡 中密度 三自爱国 科教兴市 火山岛 三角洲 长三角 中道 中和
        苏区 同盟国 贵国 文明古国 如林 波及 加里 以利 伦比 拉古 满口 满门 满城 那大 那马 大圣 大汉 三座门 三鲜
        大中城市 沿河 诸国 虎口 大都 山寨 卫国 台独 上山下乡 两汉 正南 正阳 上铺 上楼 上岗 深藏 安家 远山 美德
        半封建 三联 三边 三藏 上官洲 藩镇 郡县 葡萄园 盐湖 阳极 西化 中风 中考 绕城 泰来 登极 登山 登门 立马
        直隶 入阁 庙里 官山 河里 东连吴 之江 云头 井口 冰山 四壁 台站 墨水 太极 太阴 天威 山崖 山庄 山羊 山自西
        故城 旁门 朝野 来京 河滩 深渊 深涧 湖滨 湖盆 西瓜 南瓜 越野 远古 远洋 长寿 重阳 鞍马 马脚 黄连 塔山 土城
        平津 新春 江道 渡河 灵山 长尾 长脚 圣明 如林 清河"""
)
_PLACES = _words(
    """中国 美国 法国 德国 英国 俄国 韩国 泰国 台湾 台北 台中 台南 台东 高雄 花莲 新竹 江苏 江西 浙江 安徽 福建
        广东 广西 海南 湖北 湖南 河北 河南 山东 山西 陕西 甘肃 青海 四川 云南 贵州 辽宁 吉林 黑龙江 内蒙古 新疆
        西藏 宁夏 上海 北京 天津 重庆 东北 华北 华东 华南 西北 西南 东南 南京 南昌 南宁 长沙 海口 三亚 深圳 中东
        江南 九龙 大连 青岛 长江 黄河 珠江 大西洋 地中海 北京市 上海市 河北省 河南省 湖北省 湖南省 江西省 山西省
        山东省 云南省 四川省"""
)
"""Known to be meant as places wherever they stand, whatever they are made of."""


def _tells(stretch: str) -> bool:
    return len(stretch) > 1


def main() -> None:
    rows = [line.split() for line in Path(sys.argv[1]).read_text("utf-8").splitlines()]
    counted = [(fold(word), int(count), kind) for word, count, kind in rows if _HAN.fullmatch(word)]
    ordinary = {
        length: sorted(
            {
                word
                for word, count, kind in counted
                if len(word) == length and count >= least and (length == 1 or not kind.startswith(_NAMES))
            }
        )
        for length, least in _COUNTS.items()
    }
    ordinary[1] = sorted({*ordinary[1], *_NUMERALS})
    words = Words(frozenset(ordinary[1]), frozenset(ordinary[2]), frozenset())
    # Of places only those whose characters would pass for ordinary words: all others stand out by themselves.
    places = {
        word
        for word, count, kind in counted
        if kind == "ns" and 2 <= len(word) <= 4 and count >= _PLACE_COUNT and not any(map(_tells, words.unusual(word)))
    }
    places = ({word for word in places if not _LANDSCAPE.issuperset(word)} - _NO_PLACES) | _PLACES
    print("# From the dictionary of jieba 0.42.1, Copyright (c) 2013 Sun Junyi, under the licence in ordinary.LICENSE")
    print("".join(ordinary[1]))
    print("".join(ordinary[2]))
    print(" ".join(sorted(places)))


if __name__ == "__main__":
    main()
