"""Geometric verification: are two images pictures of the same original, or do they only look alike?

`prepared` keeps of one image what is needed; `pair` decides about two, by the rules in `judging`; `glance` says cheaply
whether that is worth the time. Below them: `alignment` proposes how one lies on the other, `overlay` lays it there,
`agreement` compares windows, `drawing` compares all that is drawn, `paper` knows print and drawings from photographs,
`transform` says what was done, `picture` shows it.
"""

VERSION = "12"
"""Changes whenever a pair may get another verdict than before: verdicts that are kept are kept with it."""
