"""What the chaos counts as wrong."""

from __future__ import annotations

from pathlib import Path

from tests.chaos import judge
from tests.chaos.judge import Post, Trouble
from tests.chaos.talk import Message, messages

SAID = [
    Message("m0-0", "c0", "words"),
    Message("m0-1", "c0", "file"),
    Message("m1-0", "c1", "words"),
    Message("m1-1", "c1", "task"),
]
POSTS = [
    Post(1.0, "c0", "m0-0"),
    Post(2.0, "c1", "m1-0"),
    Post(3.0, "c0", "", file="file of m0-1"),
    Post(4.0, "c0", "m0-1"),
    Post(5.0, "c1", "m1-1"),
    Post(9.0, "c1", "task of m1-1"),
]


def wrong(posts: list[Post], written: Path | None = None) -> list[str]:
    return list(judge.faults(SAID, posts, [] if written is None else [written]))


def test_nothing_is_wrong_where_everything_came_once_and_in_order() -> None:
    assert wrong(POSTS) == []
    assert judge.answered(SAID, POSTS)


def test_what_was_written_may_be_lost_where_a_node_was_killed_soon_after_and_nowhere_else(
    tmp_path: Path,
) -> None:
    said, posts = {"m1-1": 20.0}, [Post(40.0, "c1", "m1-1")]
    written, kept = [Message("m1-1", "c1", "tool")], tmp_path / "kept"
    kept.write_text("m1-0\n")

    def lost(begun: float, over: float, tolerance: float = 0.0, *, in_order: bool = False) -> bool:
        troubles = [Trouble(begun, over, in_order)]
        return bool(list(judge.lost(said, written, posts, [kept], troubles, tolerance)))

    assert lost(1.0, 14.9)
    assert not lost(1.0, 15.1)  # what comes back ends what others run
    assert not lost(30.0, 31.0, in_order=True)
    assert lost(40.1, 41.0)
    assert lost(50.1, 51.0, tolerance=10.0)
    assert not lost(49.9, 51.0, tolerance=10.0)
    assert lost(49.9, 51.0, tolerance=10.0, in_order=True)
    kept.write_text("m1-0\nm1-1\n")
    assert not lost(1.0, 14.9)


def test_an_answer_a_file_and_a_tasks_post_may_each_be_missing_or_come_twice() -> None:
    for number in (3, 2, 5):
        [missing] = wrong(POSTS[:number] + POSTS[number + 1 :])
        assert "is missing" in missing
        [twice] = wrong([*POSTS, POSTS[number]])
        assert "2 times" in twice
    assert not judge.answered(SAID, POSTS[1:])


def test_answers_of_a_conversation_come_in_the_order_of_its_messages_unless_questions_are_asked_in_it() -> (
    None
):
    [order] = wrong([POSTS[3], *POSTS[:3], *POSTS[4:]])
    assert order == "in c0 the answers came as ['m0-1', 'm0-0']"
    asking = Message("m0-2", "c0", "question")
    answered = [
        POSTS[3],
        *POSTS[:3],
        *POSTS[4:],
        Post(10.0, "c0", "m0-2?", question="q"),
        Post(11.0, "c0", "m0-2"),
    ]
    assert list(judge.faults([*SAID, asking], answered, [])) == []
    assert list(judge.faults([*SAID, asking], [*POSTS, answered[-1]], [])) == ["'m0-2' was not asked"]


def test_a_file_may_be_missing_where_its_turn_was_in_trouble_and_nowhere_else() -> None:
    said, without = {"m0-1": 2.5}, [post for post in POSTS if not post.file]

    def found(*troubles: Trouble) -> list[str]:
        return list(judge.faults(SAID, without, [], judge.unsure(said, SAID, without, troubles)))

    assert found(Trouble(3.9, 10.0)) == []
    assert len(found(Trouble(4.1, 10.0))) == len(found()) == 1
    assert judge.answered(SAID, without, ["file of m0-1"])


def test_nobody_is_told_that_an_answer_is_lost() -> None:
    [told] = wrong([*POSTS, Post(10.0, "c0", f"⚠️ {judge.LOST} with this conversation's records (m1).")])
    assert told.startswith("in c0 people were told: ")


def test_what_shows_a_turn_is_gone_in_the_end() -> None:
    opened = [
        {"change": "opened", "key": key, "channel": channel} for key, channel in (("k1", "c0"), ("k2", "c1"))
    ]
    removed = {"change": "removed", "key": "k2", "channel": "c1"}
    assert judge.shown([*opened, removed]) == ["c0"]


def test_a_runner_that_writes_after_the_next_one_has_begun_to_is_a_zombie(tmp_path: Path) -> None:
    written = tmp_path / "written"
    written.write_text("c0 i1\nc1 i3\nc0 i1\nc0 i2\n")
    assert wrong(POSTS, written) == []
    with written.open("a") as file:
        file.write("c0 i1\n")
    assert wrong(POSTS, written) == ["in c0 3 runs of lines were written by 2 runners"]


def test_a_delay_counts_from_the_last_of_what_was_said_answered_before_and_done_to_nodes() -> None:
    said = {"m0-0": 0.5, "m0-1": 0.6, "m1-0": 0.5, "m1-1": 0.7}
    found = {id_: late for late, id_ in judge.delays(said, SAID, POSTS, [0.0, 4.5, 7.0])}
    assert found == {"m0-0": 0.5, "m1-0": 1.5, "m0-1": 3.0, "m1-1": 0.5}


def test_a_seed_says_the_same_each_time_and_everything_in_the_end() -> None:
    said = list(messages(1, 500, 60))
    assert said == list(messages(1, 500, 60))
    assert len({message.id for message in said}) == 500
    assert {message.kind for message in said} == {"words", "tool", "question", "file", "task"}
