"""An error is a sentence for the person who can mend it: what was expected, what came, what to do.

Everything flatdiff raises on purpose derives from `FlatdiffError`; the command line and the pages
show its text as it is, and treat any other exception as a bug.
"""


class FlatdiffError(Exception):
    """Base of every error that flatdiff raises on purpose."""


class SettingsError(FlatdiffError, ValueError):
    """A setting is outside its range; the message names the setting, the value and the range."""


class CheckpointError(FlatdiffError):
    """A checkpoint folder or file is missing, damaged or not what its card says."""


class DataError(FlatdiffError):
    """A dataset is missing, empty, damaged or of the wrong size."""


class StoreError(FlatdiffError):
    """The result store cannot be opened, is newer than this program, or is damaged."""


class StoreUnavailableError(StoreError):
    """The result store cannot be read or written now: a disk is full or fails, a lock is held.

    It may pass. Nothing of what was to be written is in the store.
    """


class EngineError(FlatdiffError):
    """A computation could not be started or did not end well."""


class TrainingError(FlatdiffError):
    """Training cannot start, continue or go on."""
