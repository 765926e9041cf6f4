"""Stands in for nanoarrow's build backend while pip downloads its source distribution.

`pip download` insists on a package's metadata even when only the archive is wanted, and the real
backend compiles for a minute or two to give it. This answers at once. Nothing is built with it.
"""

from pathlib import Path


def prepare_metadata_for_build_wheel(
    metadata_directory: str, config_settings: object = None
) -> str:
    info = Path(metadata_directory, "nanoarrow-0.9.0.dist-info")
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: nanoarrow\nVersion: 0.9.0\n")
    return info.name
