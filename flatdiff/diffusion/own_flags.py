"""Own flags describe a network of somebody's own code, which a Python entry point builds.

They name the code and its digest and say what measurements ask of a network; the code itself is
found by `own_network`, and only on a machine whose owner allows it.
"""

from dataclasses import dataclass

from flatdiff.diffusion.flags import BOUNDS, NoiseSchedule, Prediction
from flatdiff.diffusion.network_flags import NetworkFlags
from flatdiff.settings import require, require_one_of, require_text

LIBRARY = "own"


@dataclass(frozen=True, kw_only=True)
class Described:
    """What a network sees and what it predicts, as its author says it."""

    image_size: int  # pixels a side
    in_channels: int = 3
    num_channels: int = 64  # of the widest layer at full size: decides how many images a batch has
    num_classes: int | None = None  # None: labels are not asked for
    # Of a diffusion network alone.
    diffusion_steps: int = 1000
    noise_schedule: NoiseSchedule = "linear"
    betas: tuple[float, ...] = ()  # instead of a schedule and its steps
    prediction: Prediction = "eps"
    learn_sigma: bool = False
    sigma_small: bool = False
    rescale_timesteps: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", tuple(self.betas))  # JSON has lists
        for name in ("image_size", "in_channels", "num_channels", "diffusion_steps"):
            low, high = BOUNDS[name]
            value = getattr(self, name)
            fits = type(value) is int and low <= value <= high
            require(fits, name, f"an integer in [{low}, {high}]", value)
        classes = self.num_classes
        fits = classes is None or (type(classes) is int and 1 <= classes <= 1_000_000)
        require(fits, "num_classes", "a number of classes, or None", classes)
        known = ("eps", "x_start", "v")
        require(self.prediction in known, "prediction", ", ".join(known), self.prediction)
        schedules = ("linear", "cosine")
        schedule = self.noise_schedule
        require_one_of("noise_schedule", schedule, schedules)
        fits = all(isinstance(beta, int | float) and 0 < beta < 1 for beta in self.betas)
        require(fits and len(self.betas) != 1, "betas", "two or more in (0, 1)", self.betas[:3])
        if self.betas:
            object.__setattr__(self, "diffusion_steps", len(self.betas))


@dataclass(frozen=True, kw_only=True)
class OwnFlags(NetworkFlags, Described):
    """One network of somebody's own, as a card has it."""

    library: str = LIBRARY
    network: str  # the name of its entry point
    code: str  # SHA-256 of the file that defines it
    own_loss: bool  # it is measured by a loss of its own, and is no diffusion model

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.library == LIBRARY, "library", LIBRARY, self.library)
        for name in ("network", "code"):
            require_text(name, getattr(self, name))
        require(isinstance(self.own_loss, bool), "own_loss", "true or false", self.own_loss)

    # Of guided-diffusion's alone.
    rescale_learned_sigmas = True
    use_kl = False
    use_scale_shift_norm = False

    @property
    def is_diffusion(self) -> bool:
        """Whether it predicts noise, and so has timesteps and samples."""
        return not self.own_loss

    def without_dropout(self) -> "OwnFlags":
        """What the weights compute in a measurement: all that is known."""
        return self
