"""A pasted command is how a network was trained or sampled, as people keep it: flags and the rest.

Of the flags of guided-diffusion, improved-diffusion, DDPM-IP and ADM-ES some decide what a network
computes, one says how it was trained, and the others say nothing of either: they are passed over
and named. A flag that none of these programs has may be a misspelt one, and is refused.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flatdiff.checkpoints.header import shortened
from flatdiff.checkpoints.recipe import BaseMethod
from flatdiff.diffusion.flags import AdmFlags
from flatdiff.errors import SettingsError
from flatdiff.settings import did_you_mean, require

MAX_TEXT = 10_000  # characters; all flags there are take some 1200
MAX_ASIDE = 500  # of a word that is no flag, such as a path

OF_THE_NETWORK = {**AdmFlags().to_json(), "class_cond": False}
del OF_THE_NETWORK["num_classes"]  # the weights say it
PERTURBATION = ("input_pertub", "input_perturbation")  # DDPM-IP's spelling, and the right one
# Of training, of sampling, of classifiers, of launchers.
_OTHERS = """
    data_dir val_data_dir schedule_sampler lr weight_decay lr_anneal_steps anneal_lr batch_size
    microbatch ema_rate log_interval save_interval eval_interval resume_checkpoint iterations
    use_fp16 fp16_scale_growth use_checkpoint noised
    clip_denoised num_samples use_ddim model_path base_samples timestep_respacing sample_dir
    weight_schedule eps_scaler num_classes seed
    classifier_path classifier_scale classifier_use_fp16 classifier_width classifier_depth
    classifier_attention_resolutions classifier_use_scale_shift_norm classifier_resblock_updown
    classifier_pool
    nproc_per_node nnodes node_rank master_addr master_port standalone allow_run_as_root
"""
SAYS_NOTHING = frozenset(_OTHERS.split())
KNOWN = (*OF_THE_NETWORK, *PERTURBATION, *sorted(SAYS_NOTHING))
TRUTHS = {
    **dict.fromkeys(("yes", "true", "t", "y", "1"), True),
    **dict.fromkeys(("no", "false", "f", "n", "0"), False),
}
# Words of a command that are no flags: programs and their files, variables, redirections.
ASIDE = re.compile(
    r"mpiexec|mpirun|torchrun|srun|nohup|time|export|set|accelerate|launch|.*python[\d.]*(\.exe)?"
    r"|.*\.(py|sh|log|txt)|\$\S+|\w+=\S*|[;&|<>\\`]+|\d*>\S*|%\w+%|[$#>]"
)
PIPES = ("|", "|&")
SHORT_OPTION = re.compile(r"-[A-Za-z]+")


@dataclass(frozen=True)
class PastedCommand:
    """What it says."""

    flags: dict[str, Any]  # that decide what the network computes, in guided-diffusion's spelling
    method: BaseMethod | None = None  # of training, where it says one
    passed_over: tuple[str, ...] = ()  # flags of those programs that say nothing of the network

    def method_beside(self, said: BaseMethod | None) -> BaseMethod | None:
        """The method of training; the command knows better than a default.

        Args:
            said: by a person, or by a form that begins with adm.

        Raises:
            SettingsError: both say one, and not the same.
        """
        if self.method is None or said in (None, "adm", self.method):
            return self.method or said
        raise SettingsError(
            f"the method is {said} as you say, and {self.method} by the command; leave out what "
            "is wrong"
        )

    def told(self) -> dict[str, str]:
        """What of it is not in the flags, for a card's origin."""
        names = ", ".join(f"--{name}" for name in self.passed_over)
        said = {
            "passed over, as it says nothing of the network: ": names,
            "trained by the method ": self.method,
        }
        text = "; ".join(f"{what}{words}" for what, words in said.items() if words)
        return {"command": text} if text else {}


def read_command(text: str) -> PastedCommand:
    """Flags alone, or a whole command, with its variables, quotes, line ends and launcher.

    Raises:
        SettingsError: a word is no flag, a flag has no value or none of its type, or no such
            program has it.

    >>> read_command('python a.py --image_size 32 --learn_sigma --batch_size=8').flags
    {'image_size': 32, 'learn_sigma': True}
    """
    expected = f"at most {MAX_TEXT:,} characters"
    require(len(text) <= MAX_TEXT, "flags", expected, f"{len(text):,} of them")
    flags: dict[str, Any] = {}
    method: BaseMethod | None = None
    passed_over: dict[str, None] = {}
    for name, value in _pairs(_words(text)):
        if name in SAYS_NOTHING:
            passed_over[name] = None
        elif name in PERTURBATION:
            method = "ip" if _converted(float, name, value) else None
        elif name in OF_THE_NETWORK:
            flags[name] = _of_type(name, value)
        else:
            raise SettingsError(_unknown(name))
    return PastedCommand(flags, method, tuple(passed_over))


def _words(text: str) -> list[str]:
    """Of a shell; what variables are set to is opened, since flags lie in them.

    What an output is piped into says nothing; a text program makes long dashes of two short ones.
    """
    text = re.sub(r"\\?\r?\n|\\(?=\s|$)", " ", text)
    text = re.sub(r"(?<!\S)[\u2013\u2014]{1,2}(?=[A-Za-z])", "--", text)
    try:
        words = shlex.split(text)
    except ValueError:  # a quote without an end
        words = re.sub(r"[\"']", " ", text).split()
    return [part for word in _without_pipes(words) for part in _opened(word.rstrip(";"))]


def _without_pipes(words: list[str]) -> Iterator[str]:
    """All but what an output goes into, up to the end of that command."""
    piped = False
    for word in words:
        piped = piped or word in PIPES
        if not piped:
            yield word
        elif word.endswith((";", "&&")):
            piped = False


def _opened(word: str) -> list[str]:
    """`MODEL_FLAGS=--a 1 --b 2` as four words, `--a=1` as two."""
    variable, equals, value = word.partition("=")
    if equals and variable.isidentifier() and "--" in value:
        inner = re.sub(r"[\"']", " ", value).split()
    else:
        inner = word.split() if "--" in word else [word]
    return [part for one in inner for part in _at_equals(one)]


def _at_equals(word: str) -> list[str]:
    flag, equals, value = word.partition("=")
    return [flag, value] if equals and flag.startswith("--") else [word]


def _pairs(words: list[str]) -> Iterator[tuple[str, str | None]]:
    """Each flag and its value; None where it stands alone."""
    place = 0
    while place < len(words):
        word, after = words[place], words[place + 1 : place + 2]
        has_value = bool(after) and not after[0].startswith("--")
        if word.startswith("--") and len(word) > 2:
            name = word.removeprefix("--").replace("-", "_")
            # What stands before the next flag may be part of the command.
            takes = has_value and not (name in OF_THE_NETWORK and _is_aside(after[0]))
            yield name, after[0] if takes else None
            place += 1 + takes
        elif SHORT_OPTION.fullmatch(word):  # of a launcher: -n 8
            place += 1 + (has_value and not _is_aside(after[0]))
        else:
            require(_is_aside(word), "flags", "pairs such as --image_size 32", shortened(word))
            place += 1


def _is_aside(word: str) -> bool:
    return len(word) <= MAX_ASIDE and ASIDE.fullmatch(word) is not None


def _of_type(name: str, text: str | None) -> Any:
    """A flag's value in the type of its default; one that is true or false may stand alone."""
    kind = type(OF_THE_NETWORK[name])
    if kind is not bool:
        return _converted(kind, name, text)
    text = "true" if text is None else text
    require(text.lower() in TRUTHS, name, "True or False", shortened(text))
    return TRUTHS[text.lower()]


def _converted(kind: Callable[[str], Any], name: str, text: str | None) -> Any:
    if text is None:
        raise SettingsError(f"flags must be pairs such as --image_size 32; --{name} has no value")
    try:
        return kind(text)
    except ValueError:
        expected = "an integer" if kind is int else "a number"
        raise SettingsError(f"{name} must be {expected}; got {shortened(text)!r}") from None


def _unknown(name: str) -> str:
    hint = did_you_mean(f"--{shortened(name)}", (f"--{known}" for known in KNOWN))
    return (
        f"no such program has --{shortened(name)}{hint or ', so that it may be another network'}"
    )
