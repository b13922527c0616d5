"""``--format timm``: a folder that ``timm.create_model("local-dir:FOLDER", pretrained=True)`` opens."""

from __future__ import annotations

import json

from chansearch.export.formats import Exported, preprocessing
from chansearch.nets.files import spec_to_dict
from chansearch.nets.model import Model


def to_timm(model: Model) -> Exported:
    """``config.json`` with the spec as an argument of timm's model ``chansearch_rexnet``, and the weights beside it."""
    from safetensors.torch import save

    spec, network = model.spec, model.network
    config = {
        "architecture": "chansearch_rexnet",
        "num_classes": spec.classes,
        "num_features": spec.feature_channels,
        "global_pool": "avg",
        "model_args": {"spec": spec_to_dict(spec)},
        "pretrained_cfg": {
            "input_size": [spec.in_channels, spec.input_size, spec.input_size],
            "fixed_input_size": False,
            # timm before 1.0.31 takes a named one for weights of three channels, and draws others anew.
            "first_conv": "stem.conv" if spec.in_channels == 3 else None,
            "classifier": "head.fc",
        }
        | preprocessing(model),
    }
    if model.classes is not None:
        config["label_names"] = list(model.classes)
    weights = save(network.state_dict(), metadata={"format": "pt"})
    files = {"config.json": (json.dumps(config, indent=2) + "\n").encode(), "model.safetensors": weights}
    return Exported(files, (f"{len(weights) / 1e6:.1f} MB of weights, for timm's model chansearch_rexnet",))
