"""The shell commands of the documents."""

import dataclasses
import pathlib
import re


@dataclasses.dataclass
class Block:
    """A fenced block of shell commands."""

    document: str
    heading: str
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line} ({self.heading})"


def shell_blocks(path: pathlib.Path) -> list[Block]:
    """Returns the blocks of a Markdown document in their order."""
    blocks, heading, current = [], "", None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if current is not None:
            if line.startswith("```"):
                blocks.append(current)
                current = None
            else:
                current.text += f"{line}\n"
        elif line.startswith("```sh"):
            current = Block(path.name, heading, number, "")
        elif match := re.match(r"#+ (.*)", line):
            heading = match[1]
    return blocks
