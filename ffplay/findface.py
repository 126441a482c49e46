"""The vendor's facts: models, default paths, ports, units and names, with their source.

Sources: [regenerate] the vendor's page "Migrate to Different Detector or Model", [models] "Models", [network] the
network page, [tntapi] the shard's API pages, all of FindFace Enterprise Server SDK 2.5. A default that the
documentation does not state is marked undocumented: it is an inventory variable because only the site knows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

# [models] name -> facen size in float32 values.
MODELS: Mapping[str, int] = MappingProxyType(
    {
        "model_36": 160,
        "model_39c": 160,
        "fr_1": 160,
        "en_1": 320,
        "en2_face0": 320,
        "apricot_160f": 160,
        "apricot_320": 320,
        "banana_800f": 800,
        "cherry_480": 480,
    }
)

# [models] name -> facens a second of (one CPU thread, one GTX 1080). Of the others the vendor states none.
EXTRACTION_SPEEDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "apricot_160f": (5.15, 62.27),
        "apricot_320": (4.87, 59.92),
        "banana_800f": (0.71, 11.96),
        "cherry_480": (1.24, 26.45),
    }
)

# What `extraction_device` may be: the columns of that table, in its order, and what the vendor measured.
EXTRACTION_DEVICES: Mapping[str, str] = MappingProxyType({"cpu": "CPU thread", "gpu": "GTX 1080"})

# `--detector` takes nnd and dlib; extraction-api also knows `legacy` [regenerate].
DETECTORS = ("nnd", "dlib", "legacy")

# A shard whose file does not say `facen_size` takes this one [tntapi].
DEFAULT_FACEN_SIZE = 320

# A shard should not hold more faces than this [network].
FACES_A_SHARD = 10_000_000

# Where discovery looks for models, below `root`, where nobody says `models_dir`: undocumented, so a place counts only
# where a model of the table above lies in it.
MODEL_PLACES = ("/usr/share/findface-data/models", "/usr/share/findface-data", "/opt/ntech/share/models")

# Bytes of one facen value: a facen is little-endian float32.
FLOAT_BYTES = 4

# Every inventory variable that ffplay itself reads, with its default. Strings may refer to one another as Jinja2.
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        # Put before every path below; empty on a real host, the host's own tree in the lab.
        "root": "",
        "state_dir": "{{ root }}/var/lib/ffplay",
        "backup_dir": "{{ root }}/var/backups/ffplay",
        # facenapi: HTTP API and the vendor's tools.
        "facenapi_ini": "{{ root }}/etc/findface-facenapi.ini",
        "facenapi_unit": "findface-facenapi",
        "facenapi_address": "127.0.0.1",
        "facenapi_port": 8000,
        "regenerate_command": "findface-regenerate",
        "copy_command": "python3 -m facenapi.server.tools.mongo2searchapi",
        "tntapi_servers_file": "{{ root }}/etc/tntapi.json",
        # extraction-api: detector and model. The network page has 18088 in one example; 18666 is the tool's default.
        "extraction_ini": "{{ root }}/etc/findface-extraction-api.ini",
        "extraction_unit": "findface-extraction-api",
        "extraction_address": "127.0.0.1",
        "extraction_port": 18666,
        # Where the vendor's packages put models is undocumented. Empty: not checked; else a model is installed where
        # the directory, or one in it, has a file with its name and any ending.
        "models_dir": "",
        # For the forecast of a plan alone: what a model runs on, cpu or gpu; how many CPU threads or cards of the host
        # make facens at a time; and how many facens a second they make together with the target's model, where the
        # site knows. Empty: by the vendor's table, for each thread or card.
        "extraction_device": "cpu",
        "extraction_instances": 1,
        "extraction_speed": "",
        # tntapi: the shards.
        "tarantool_instances_dir": "{{ root }}/etc/tarantool/instances.enabled",
        "tarantool_data_dir": "{{ root }}/opt/ntech/var/lib/tarantool",
        "tarantool_unit_prefix": "tarantool@",
        # Where systemd keeps which units are enabled.
        "systemd_dir": "{{ root }}/etc/systemd/system",
        "tarantool_owner": "tarantool:tarantool",
        "shard_address": "127.0.0.1",
        "shard_port_base": 33000,
        "shard_http_base": 8000,
        # How long a shard may take for one answer, in seconds, before it counts as silent: undocumented.
        "shard_answer_seconds": 10,
        "build_index_command": "findface-build-index",
        # For the forecast alone. Faces a second that a shard takes one by one over HTTP (6,000 to 7,000 were measured
        # with facens of 320), that go into a fast index (the vendor says hours for millions of faces), and that verify
        # reads from all shards together; MiB a second of data files that are copied, digested or loaded.
        "copy_rate": 6000,
        "index_rate": 1000,
        "verify_rate": 10000,
        "disk_mib_s": 100,
        # Tarantool itself, on the shards' hosts: it reads the blocks of a backup.
        "tarantool_command": "tarantool",
        # MongoDB. The layout of its documents is undocumented.
        "mongo_unit": "mongod",
        "mongo_address": "127.0.0.1",
        "mongo_port": 27017,
        "mongo_db": "facenapi",
        "mongo_faces": "faces",
        "mongo_field_id": "_id",
        "mongo_field_facen": "facen",
        "mongo_field_galleries": "galleries",
        "mongo_field_owner": "owner",
        "mongo_field_normalized": "normalized",
        "mongo_field_photo": "photo",
        # What a new detector rewrites beside the facen, and a rollback puts back.
        "mongo_fields_detected": ("{{ mongo_field_normalized }}", "thumbnail", "x1", "y1", "x2", "y2"),
        # How a shard names the gallery of a face: the documentation shows `<24 hex digits>_<gallery>`.
        "shard_gallery_name": "{owner}_{gallery}",
        # Which cell of tntapi.json holds an id: undocumented. Empty: not checked; `id % cells`: checked.
        "shard_cell_of_id": "",
        # findface-upload and the licence server.
        "upload_dir": "{{ root }}/var/lib/ffupload/uploads",
        "ntls_address": "127.0.0.1",
        "ntls_port": 3133,
    }
)
