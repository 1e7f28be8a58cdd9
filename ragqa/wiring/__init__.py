"""The only place that names implementations: each is built from the Config, on first use, and closed at the end."""

from ragqa.wiring.answers import answering as answering
from ragqa.wiring.answers import conversing as conversing
from ragqa.wiring.folders import INDEX as INDEX
from ragqa.wiring.folders import collection_folder as collection_folder
from ragqa.wiring.folders import create_store as create_store
from ragqa.wiring.folders import index_to_write as index_to_write
from ragqa.wiring.folders import maybe_open as maybe_open
from ragqa.wiring.folders import open_store as open_store
from ragqa.wiring.models import embedder as embedder
from ragqa.wiring.models import reranker as reranker
from ragqa.wiring.models import sparse_encoder as sparse_encoder
from ragqa.wiring.searches import drawing as drawing
from ragqa.wiring.searches import ingesting as ingesting
from ragqa.wiring.searches import searching as searching
from ragqa.wiring.searches import searching_passed as searching_passed
from ragqa.wiring.services import GEMINI_KEYS as GEMINI_KEYS
from ragqa.wiring.services import Sending as Sending
from ragqa.wiring.services import generator_name as generator_name
from ragqa.wiring.services import service as service
