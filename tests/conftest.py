"""What holds for every test, however the run was started and however fast its machine is."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# Behind `nohup`, or in the background of a script, these are ignored, and so they are in every process a test starts.
for ignored in {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT}:
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored is signal.SIGINT else signal.SIG_DFL)

if not os.environ.get("CI"):  # there, Hypothesis's own profile has no deadline either
    # How long a case takes is for `make bench` to say, not for a property to fail on.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")
