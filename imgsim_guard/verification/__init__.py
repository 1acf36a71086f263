"""Geometric verification: are two images pictures of the same original, or do they only look alike?

`glance` says, by what is stored of two images, whether their pixels have to be compared; `prepared` keeps of one image
what is needed for that; `pair` decides about two, by the rules in `judging`, and `evidence` says what was found. Below
them: `alignment` proposes how one lies on the other, `overlay` lays it there, `agreement` compares windows, `places`
looks for parts of one around their place in the other, `surroundings` and `moved` for what lies around a thing, `shot`
tells a copy from another photograph of the same thing, `pattern` from what fits on it anywhere, `within` looks at a
picture that lies on one, `squeezed` at one that was squeezed, `cut_out` compares a cut-out by what shows of it,
`drawing` compares all that is drawn, `paper` knows print and drawings from photographs, `transform` says what was done,
`picture` shows it.
"""

VERSION = "41"
"""Changes whenever a pair may get another verdict than before: verdicts that are kept are kept with it."""
