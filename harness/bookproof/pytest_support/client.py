"""The client under test in one pytest process: one long-lived adapter process, cases one at a time."""

from __future__ import annotations

from bookproof.case_run import CaseRun
from bookproof.cases.plan import Case
from bookproof.drivers.api import Driver, DriverFactory
from bookproof.drivers.subprocess import subprocess_factory
from bookproof.probe import probed
from bookproof.pytest_support.portal import Portal
from bookproof.pytest_support.settings import Settings
from bookproof.results import Verdict
from bookproof.suite import run_alone
from bookproof.venues import LoopbackVenue
from bookproof_exchange.errors import BookproofError, UsageError
from bookproof_exchange.timing import Timing

#: Verdicts of a case without an exchange that are the client's doing.
_NEVER_STARTED = (Verdict.HUNG, Verdict.CRASHED, Verdict.ADAPTER_ERROR)


class Client:
    """Runs cases on the configured client. A process that died is replaced for the next case."""

    def __init__(self, portal: Portal, settings: Settings) -> None:
        if settings.client is None:
            raise UsageError(
                "there is no client to test",
                hint="give --bookproof-client CMD, or bookproof_client in the configuration file",
            )
        self.timing = Timing().scaled(settings.time_scale)
        self.factory: DriverFactory = probed(
            subprocess_factory(settings.client, timing=self.timing, cwd=settings.client_cwd)
        )
        self._portal = portal
        self._again = settings.again
        self._venue = LoopbackVenue()
        self._driver: Driver | None = None
        self._lived = False
        self._hopeless: BookproofError | None = None

    def run(self, case: Case) -> CaseRun:
        """Run a case and judge it; one that did not pass, once more in a fresh process.

        BookproofError where the client cannot be run at all: at once, too, for every case after that."""
        if self._hopeless is not None:
            raise self._hopeless
        return self._portal.call(self._run, case)

    async def _run(self, case: Case) -> CaseRun:
        driver, self._driver = self._driver, None
        try:
            driver, run = await run_alone(case, driver, self.factory, self._venue, self.timing, again=self._again)
        except UsageError as error:
            self._hopeless = error
            raise
        finally:
            # of an interrupted case the driver is dead, or about to be; the end of the loop ends it in any case
            self._driver = driver
        if run.exchange is None and run.result.verdict in _NEVER_STARTED and not self._lived:
            # a client that has never said hello will not do so in the next case either
            self._hopeless = UsageError(f"the client has never started: {run.result.message}")
        else:
            self._lived = True
        return run

    def close(self) -> None:
        """End the client's process."""
        driver, self._driver = self._driver, None
        if driver is not None:
            self._portal.call(driver.close)
