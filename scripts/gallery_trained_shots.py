"""The pictures of the gallery of runs that are trained: places, words, heads, prediction by depth, tokens as instances."""

from scripts.gallery_shots import Act, Shot, nothing, radio
from scripts.tab import link


def trained() -> list[Shot]:
    """Where in the input: see `scripts/gallery_trained.py`."""

    def shot(
        name: str, run: str, layer: str, *, neuron: int | None = None, act: Act = nothing, **state: object
    ) -> Shot:
        chosen = {} if neuron is None else {"selection": {"kind": "neuron", "layer": layer, "neuron": neuron}}
        return Shot(name, link(run=run, layers=[layer], **chosen, **state), act, narrow=True)

    mlp, heads = "h.0.mlp.1", "h.0.attn/heads"
    # Pinned instances follow those of the sample: 899 pictures, 400 texts.
    picture = [["i", 899], *[["s", str(digit)] for digit in range(10)]]
    text = [["i", 400], ["s", "HUMAN"], ["s", "LOCATION"], ["s", "NUMBER"]]
    return [
        shot("places of a neuron", "maps", "block1", neuron=5, rows=picture),
        shot("places, least", "maps", "block1", neuron=5, act=radio("least"), rows=picture),
        shot("picture painted", "maps", "block1", rows=picture, selection={"kind": "instance", "row": 899}),
        shot("words of a neuron", "words", mlp, neuron=7),
        shot("values of a neuron", "words", mlp, neuron=7, face="values"),
        shot("text painted", "words", mlp, rows=text, selection={"kind": "instance", "row": 400}),
        shot("head", "words", heads, neuron=1, rows=text),
        shot("prediction by depth", "words", "h.1", rows=text, selection={"kind": "instance", "row": 400}),
        shot("tokens as instances", "tags", mlp, rows=[["s", "question"], ["s", "short"], ["s", "long"]]),
        shot("neuron of tokens", "tags", mlp, neuron=7),
        shot("table of tokens", "tags", mlp, tab="table"),
    ]
