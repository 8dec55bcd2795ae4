"""The biases of a target: what serving adds to its logits, in nats, found best for it on held-aside data.

They stand in the target's own ``spandraft.json``, written by training and read by serving.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tuning:
    """``copy_bias``: bonus on the token that the cursor over a text under correction expects.

    ``refusal_bias`` and ``refusal_slope``: how ready it is to refuse, see ``refusal_bonus``. ``evidence_slope``: how
    much a quotation loses for evidence that is less like the question, nats for a whole cosine.
    """

    copy_bias: float = 0.0
    refusal_bias: float = 0.0
    refusal_slope: float = 0.0
    evidence_slope: float = 0.0

    def refusal_bonus(self, similarity: float | None) -> float:
        """Nats added to the refusal: ``refusal_bias`` for evidence of cosine 0.5, and more the further it is off."""
        return self.refusal_bias + self.refusal_slope * (0.5 - (similarity or 0.0))
