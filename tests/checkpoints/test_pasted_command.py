"""Commands as they stand in READMEs and issues; what is expected of each is written by hand."""

import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save

from flatdiff.checkpoints.pasted_command import (
    MAX_TEXT,
    SAYS_NOTHING,
    PastedCommand,
    read_command,
)
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.errors import SettingsError
from tests.conversion.test_importer import upload, weights

README = """
MODEL_FLAGS="--image_size 64 --num_channels 128 --num_res_blocks 3"
DIFFUSION_FLAGS="--diffusion_steps 4000 --noise_schedule cosine" \\
    --learn_sigma=yes --dropout 0.1 --channel_mult '1,2'
"""
DDPM_IP = """
mpiexec -n 2  python scripts/image_train.py --input_pertub 0.15 \\
--data_dir "PATH TO DATASET" --image_size 32 --use_fp16 True --learn_sigma True \\
--noise_schedule cosine --schedule_sampler loss-second-moment --lr 1e-4 --batch_size 64
"""
VARIABLES = """
export OPENAI_LOGDIR=/tmp/logs
MODEL_FLAGS="--image_size 64 --channel_mult '1,2'"
TRAIN_FLAGS="--lr 1e-4"
CUDA_VISIBLE_DEVICES=0 mpiexec -n 8 python3 scripts/image_train.py \\
    --data_dir path/to/images $MODEL_FLAGS $TRAIN_FLAGS > log.txt 2>&1 &
"""


def test_flags_are_read_as_people_paste_them() -> None:
    """From guided-diffusion's README, with its variables, quotes and line ends."""
    assert read_command(README).flags == {
        "image_size": 64,
        "num_channels": 128,
        "num_res_blocks": 3,
        "diffusion_steps": 4000,
        "noise_schedule": "cosine",
        "learn_sigma": True,
        "dropout": 0.1,
        "channel_mult": "1,2",
    }
    assert read_command("  ") == PastedCommand({})


def test_a_whole_command_says_the_method_too() -> None:
    """DDPM-IP's own, by which its checkpoints were trained."""
    assert read_command(DDPM_IP) == PastedCommand(
        {"image_size": 32, "learn_sigma": True, "noise_schedule": "cosine"},
        "ip",
        ("data_dir", "use_fp16", "schedule_sampler", "lr", "batch_size"),
    )
    assert read_command("--input_pertub 0.0").method is None, "its baseline"


def test_variables_are_opened_and_launchers_passed_over() -> None:
    """Of several lines; nested quotes belong to no value."""
    assert read_command(VARIABLES) == PastedCommand(
        {"image_size": 64, "channel_mult": "1,2"}, None, ("lr", "data_dir")
    )


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("--image_size=8 --num_channels=32", {"image_size": 8, "num_channels": 32}),
        ("--image-size 8 --learn-sigma True", {"image_size": 8, "learn_sigma": True}),
        ("--learn_sigma --image_size 8", {"learn_sigma": True, "image_size": 8}),
        ("--image_size 8 --learn_sigma", {"image_size": 8, "learn_sigma": True}),
        ("--class_cond false", {"class_cond": False}),
        ("--eps_scaler 1.017 --image_size 8", {"image_size": 8}),
        ("--use_ddim --image_size 8", {"image_size": 8}),
        ('--dropout 0.1 "--image_size 8', {"dropout": 0.1, "image_size": 8}),
        ("torchrun --nproc_per_node 4 a.py --image_size 8", {"image_size": 8}),
        ("C:\\Python311\\python.exe a.py --image_size 8", {"image_size": 8}),
        ("python a.py --image_size 8 2>&1 | tee log of today", {"image_size": 8}),
        ("--data_dir 'a | b' --image_size 8", {"image_size": 8}),
        (
            "M='--image_size 8'; D='--dropout 0.1'; python a.py $M $D",
            {"image_size": 8, "dropout": 0.1},
        ),
        ("\u2013image_size 8 \u2014\u2014dropout 0.1", {"image_size": 8, "dropout": 0.1}),
    ],
)
def test_every_spelling(text: str, flags: dict[str, Any]) -> None:
    """Equals signs, dashes, switches that stand alone, other programs' flags."""
    assert read_command(text).flags == flags


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image_size 32", "--image_size 32; got 'image_size'"),
        ("--image_size", "--image_size has no value"),
        ("--image_size --dropout 0.1", "--image_size has no value"),
        ("--image_size many", "image_size must be an integer; got 'many'"),
        ("--dropout much", "dropout must be a number"),
        ("--input_pertub much", "input_pertub must be a number"),
        ("--learn_sigma perhaps", "learn_sigma must be True or False"),
        ("--image_sise 8", "did you mean --image_size?"),
        ("--batchsize 8", "did you mean --batch_size?"),
        ("--to_json 1", "no such program has --to_json"),
        ("--large_size 256", "no such program has --large_size"),
    ],
)
def test_text_that_is_no_command_is_a_sentence(text: str, words: str) -> None:
    """Naming the flag and what it wants; super-resolution networks have flags of their own."""
    with pytest.raises(SettingsError, match=words.replace("?", r"\?")):
        read_command(text)


def test_a_checkpoint_is_imported_with_its_command(tmp_path: Path) -> None:
    """The card says what the command says; a person who says otherwise is asked."""
    command = (
        "mpiexec -n 2 python a.py --channel_mult 1 --attention_resolutions 9 "
        "--input_pertub 0.1 --lr 1e-4 --batch_size 64"
    )
    card = upload(tmp_path, save(weights()), flags=command)
    assert card.method == "ip"
    assert card.origin["command"] == (
        "passed over, as it says nothing of the network: --lr, --batch_size; "
        "trained by the method ip"
    )
    with pytest.raises(SettingsError, match="method is sam as you say, and ip by the command"):
        upload(tmp_path, save(weights()), flags=command, method="sam", id="theirs/other")


def test_what_says_nothing_of_the_network_is_none_of_its_flags() -> None:
    """A name in both lists would be passed over in silence."""
    assert not SAYS_NOTHING & set(AdmFlags().to_json()) - {"num_classes"}


def test_one_endless_word_is_read_soon() -> None:
    """A visitor may paste anything: its letters are not tried one after the other."""
    begin = time.monotonic()
    with pytest.raises(SettingsError, match="image_size must be an integer"):
        read_command("--image_size " + "x" * (MAX_TEXT - 20))
    assert time.monotonic() - begin < 0.2
    with pytest.raises(SettingsError, match=r"flags must be at most 10,000 characters; got '50"):
        read_command("x" * 50_000)


@pytest.mark.parametrize("word", ["-", "=", "--=", '"', "\\", "a=", "$", ".py", "python"])
def test_endless_words_of_every_kind_are_read_soon(word: str) -> None:
    """What is cut, matched or opened; the time is the processor's own."""
    begin = time.process_time()
    with pytest.raises(SettingsError):
        read_command("--image_size " + (word * MAX_TEXT)[: MAX_TEXT - 20])
    assert time.process_time() - begin < 0.2
