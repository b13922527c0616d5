"""scikit-learn's handwritten digits: 1797 images that need no download, for the demo and the tests."""

import numpy as np

from chansearch.errors import UserError


def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (1797, 1, 8, 8), 0 to 255, and labels int64 (1797,); UserError without scikit-learn."""
    require_sklearn()
    from sklearn.datasets import load_digits as sklearn_digits

    digits = sklearn_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # published as 0 to 16
    return images[:, None], digits.target.astype(np.int64)


def require_sklearn() -> None:
    """Raise UserError, with the command to run, when scikit-learn is missing."""
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise UserError("data=digits needs scikit-learn: pip install 'chansearch[demo]'") from error
