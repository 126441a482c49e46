"""Work on pages of faces with several threads."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterable

Work = Callable[[], None]


def work(threads: int, pages: Iterable[Iterable[Work]]) -> None:
    """Do the work of all pages; a page is read while the one before is worked on.

    The first failure ends it: what has not begun is not done, and the failure is raised.
    """
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        waiting: list[concurrent.futures.Future[None]] = []
        try:
            for page in pages:
                _finish(waiting)
                waiting = [pool.submit(one) for one in page]
            _finish(waiting)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _finish(futures: list[concurrent.futures.Future[None]]) -> None:
    done, _ = concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_EXCEPTION)
    for future in done:
        future.result()
