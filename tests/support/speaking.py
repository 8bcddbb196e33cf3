"""Voice messages, a program that listens to them, and a model that says what it was told of them."""

from __future__ import annotations

import audioop
import io
import os
import re
import shutil
import subprocess
import wave
from pathlib import Path

from tests.fakes.model_api import FakeModelAPI, RecordedRequest
from tests.support.tools import tool

CONFIG = """\
[model]
base_url = "{url}"
[agents.default]
provider = "claude"
title_model = ""
"""
COMMAND = '[voice]\ncommand = "python3 /agent/hear.py"\n'
# A mark for each run goes into the working folder; the first over seven seconds comes to no end.
HEAR = """\
import sys, time, wave
with wave.open(sys.argv[1]) as sound:
    if sound.getframerate() == 16000:  # somebody speaks
        sys.path.insert(0, "/agent/lib")
        from pocketsphinx import Decoder
        decoder = Decoder(samprate=16000, loglevel="FATAL")
        decoder.start_utt()
        decoder.process_raw(sound.readframes(sound.getnframes()), full_utt=True)
        decoder.end_utt()
        sys.exit(print(decoder.hyp().hypstr))
    seconds = sound.getnframes() // sound.getframerate()
with open("begun", "a+") as begun:
    begun.write(f"{seconds}\\n")
    begun.seek(0)
    first = begun.read().split().count("7") == 1
if seconds == 7 and first:
    begun.close()
    time.sleep(600)
print(f"{seconds} seconds about pigeons")
"""
LISTENED = re.compile(r"<transcript[^>]*>([^<]*)</transcript>")
UNHEARD = "I do not know what you said in your voice message: {}."


def sound(seconds: int) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(1000)
        file.writeframes(bytes(1000 * seconds))
    return made.getvalue()


def understood(data: Path, words: str) -> bytes:
    """The words, said by a machine's voice; and beside what `install` puts into the agent's folder a real program for speech with
    its model, which hears them. Empty where no such program is: `pip install --target FOLDER -r requirements-speech.lock`, with
    the folder in DOVECOTE_TEST_SPEECH."""
    if not (found := os.environ.get("DOVECOTE_TEST_SPEECH")):
        return b""
    shutil.copytree(Path(found) / "pocketsphinx", data / "agents" / "default" / "lib" / "pocketsphinx")
    command = [tool("espeak-ng"), "-v", "en-us", "-s", "120", "--stdout", words]
    said = subprocess.run(command, capture_output=True, check=True).stdout
    rate, head = int.from_bytes(said[24:28], "little"), 44
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(audioop.ratecv(said[head:], 2, 1, rate, 16_000, None)[0])
    return made.getvalue()


def tell_what_was_heard(api: FakeModelAPI) -> None:
    def told(request: RecordedRequest) -> str:
        last = request.user_text.rpartition("<message")[2]
        found = LISTENED.findall(last)
        return f"You said: {'; '.join(found)}" if found else "I heard nothing."

    api.answer_with(told)


def install(data: Path) -> None:
    """Puts the program into the agent's folder, which its containers see and cannot write."""
    folder = data / "agents" / "default"
    folder.mkdir(parents=True)
    (folder / "hear.py").write_text(HEAR)
    for path in (folder, folder / "hear.py"):
        path.chmod(0o755)


def begun(data: Path) -> list[str]:
    """How long the sounds were that the program was given."""
    return [line for file in data.glob("sessions/*/work/begun") for line in file.read_text().split()]
