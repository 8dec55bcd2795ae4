"""What the tests may ask a child to run, by name."""

from __future__ import annotations

from tests.crash import crowd, entrances, naive, tasks

write, finish, look, use, verify = tasks.write, tasks.finish, tasks.look, tasks.use, tasks.verify
naive_write, naive_look = naive.write, naive.look
crowd_write, read = crowd.write, crowd.read
enter = entrances.enter
