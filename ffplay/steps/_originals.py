"""Whether Uploads has the original images that a re-detection needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote

from ffplay.edit import EditError, pyini
from ffplay.model import Note, Problem
from ffplay.resources.file import File, FileState
from ffplay.resources.originals import MissingFiles, MissingPages, Originals
from ffplay.steps._gap import Gap, faces_of
from ffplay.steps.base import Context, Outcome

_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Uploads:
    """Where Uploads is: its directory on the upload host, empty where the site has none, and its URL for facenapi."""

    directory: str
    url: str

    @classmethod
    def of(cls, ctx: Context) -> Self:
        """Return it by the inventory and facenapi's configuration on this host."""
        upload = ctx.first("upload")
        directory = str(ctx.variables_of(upload.name)["upload_dir"]) if upload is not None else ""
        found = ctx.one(File(str(ctx.variables["facenapi_ini"])))
        try:
            url = pyini.get(found.text).get("ffupload_url") if isinstance(found, FileState) else None
        except EditError:
            url = None
        return cls(directory, url.rstrip("/") if isinstance(url, str) else "")

    def place(self, text: str) -> tuple[str, str]:
        """Return what kind of place a face's original is at, and where: `file`, `url`, `none` or `unknown`."""
        if not text:
            return "none", ""
        if text.startswith("/"):
            return "file", text
        if "://" not in text:
            if self.directory:
                return "file", f"{self.directory}/{text}"
            text = f"{self.url}/{text}" if self.url else text
        elif self.directory and self.url and text.startswith(f"{self.url}/"):
            name = unquote(text.removeprefix(f"{self.url}/").partition("?")[0])
            return "file", f"{self.directory}/{name}"
        return ("url" if text.startswith("http://") else "unknown"), text


def originals(ctx: Context, gap: Gap) -> Iterator[Outcome]:
    """Look for the original images of some faces, where the detector changes; on the first facenapi host.

    What a face names is a path on the upload host (on this one where the site has none), or a URL: one below
    facenapi's `ffupload_url` is a file below upload_dir there, any other is asked for from this host.
    """
    faces_at, first = faces_of(ctx), ctx.first("facenapi")
    if not ctx.args["uploads_sample"] or faces_at is None or first is None or first.name != ctx.host.name:
        return
    if not (gap.redetect and gap.faces):
        return
    mongo, faces = faces_at
    field = str(ctx.variables_of(mongo.name)["mongo_field_photo"])
    sampled = ctx.one(Originals(faces.place, field, ctx.args["uploads_sample"]), host=mongo.name)
    uploads = _Uploads.of(ctx)
    places = {number: uploads.place(text) for number, text in sampled}
    missing = dict(_missing(ctx, places))
    if missing:
        ids = [str(number) for number in sorted(missing)]
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        number = min(missing)
        yield Problem(
            ctx.host.name,
            f"{len(missing)} of {len(sampled)} sampled faces have no original image in Uploads, and a new detector "
            f"needs it: ids {', '.join(ids[:_NAMED])}{more}; of {number}: {missing[number]}",
            "restore the images, see upload_dir and mongo_field_photo in the inventory, or set preflight's "
            "`uploads_sample: 0` to go on without them",
        )
    unasked = [where for kind, where in places.values() if kind == "unknown"]
    if unasked:
        said = f"whether {len(unasked)} of {len(sampled)} sampled faces have their original image is not checked"
        yield Note(ctx.host.name, f"{said}: {unasked[0]} is neither a path nor an http URL")


def _missing(ctx: Context, places: Mapping[int, tuple[str, str]]) -> Iterator[tuple[int, str]]:
    """Yield (id, why) of the faces without an original."""
    host = (ctx.first("upload") or ctx.host).name
    files = tuple(dict.fromkeys(where for kind, where in places.values() if kind == "file"))
    urls = tuple(dict.fromkeys(where for kind, where in places.values() if kind == "url"))
    absent = set(ctx.one(MissingFiles(files), host=host)) if files else set()
    unanswered = dict(ctx.one(MissingPages(urls))) if urls else {}
    for number, (kind, where) in places.items():
        if kind == "none":
            yield number, "it names none"
        elif kind == "file" and where in absent:
            yield number, f"{host} has no {where}"
        elif kind == "url" and where in unanswered:
            yield number, f"HEAD {where}: {unanswered[where]}"
