"""Files with several names, of which a copy and a layer make one file again."""

import os


class FirstNames:
    """The first name of each file that has several, for as long as others may come."""

    def __init__(self) -> None:
        """Know none."""
        self._left: dict[int, tuple[str, int]] = {}

    def first(self, name: str, status: os.stat_result) -> str:
        """Return under which name a file came first: `name` if that is the first, or its only one."""
        if status.st_nlink == 1:
            return name
        key = status.st_dev << 64 | status.st_ino  # a third of the memory of a tuple
        found, left = self._left.pop(key, (name, status.st_nlink))
        if left > 1:
            self._left[key] = (found, left - 1)
        return found
