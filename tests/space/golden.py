"""The golden figures of ``tests/golden.yaml``, for all rooms."""

from pathlib import Path

import yaml

GOLDEN = yaml.safe_load((Path(__file__).parents[1] / "golden.yaml").read_text(encoding="utf-8"))

TABLE_1 = {row["name"]: row for row in GOLDEN["table_1"]}
TABLE_3 = {f"{row['constraint']} {row['rank']}": row for row in GOLDEN["table_3"]}

# Every published configuration by name: Tables 1 and 3 and ReXNet ×1.0.
CONFIGURATIONS = (
    {name: [c for c, repeats in row["stages"] for _ in range(repeats)] for name, row in TABLE_1.items()}
    | {name: row["channels"] for name, row in TABLE_3.items()}
    | {"ReXNet x1.0": GOLDEN["rexnet_channels"]["channels"]}
)
