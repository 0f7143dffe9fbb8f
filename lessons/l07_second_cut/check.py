"""Checks of exercise 7: double letters, blanks in between, uneven segments, an empty reading, hidden cuts."""

import torch
import torch.nn.functional as F

from gradcheck_lm.course.expect import case, expect, expect_gradient, expect_type, gradient_by_differences


def uncertain_logits():
    """Seven frames of five classes; the greedy path is 2 2 0 2 4 4 4: segments of 2, 1 and 3 frames."""
    torch.manual_seed(41)
    path = torch.tensor([2, 2, 0, 2, 4, 4, 4])
    return torch.rand(7, 5, dtype=torch.float64) + 1.5 * F.one_hot(path, 5), torch.tensor([0, 0, -1, 1, 2, 2, 2])


def reference(logits, place):
    """The letters by a plain loop over the segments."""
    shares = logits.softmax(-1)[:, 1:]
    shares = shares / shares.sum(-1, keepdim=True)
    return torch.stack([shares[place == letter].mean(0) for letter in range(int(place.max()) + 1)])


def check_segments(answer):
    """blanks belong to no letter, runs to one, and a blank separates equal letters
    ブランクはどの文字にも属さず、連続は一つの文字になり、同じ文字でもブランクで分かれる"""
    for path, right in (
        ([3, 3, 1, 1, 1, 4], [0, 0, 1, 1, 1, 2]),
        ([0, 2, 2, 0, 0, 1], [-1, 0, 0, -1, -1, 1]),
        ([1, 0, 1, 1, 0, 1, 2], [0, -1, 1, 1, -1, 2, 3]),
        ([0, 0, 0], [-1, -1, -1]),
    ):
        kept = torch.tensor(path)
        found = answer.segments(kept)
        expect_type("segments", torch.Tensor, found)
        expect(
            found.tolist() == right,
            ja="パス `{path}` の答えが `{found}` です。正しくは `{right}` です。"
            "ブランクは `-1` で、間にブランクのある同じ文字は別の文字です。",
            en="For the path `{path}` the answer is `{found}`; it should be `{right}`. "
            "Blanks are `-1`, and equal letters with a blank in between are two letters.",
            path=path,
            found=found.tolist(),
            right=right,
        )
        expect(
            kept.tolist() == path,
            ja="引数のパスが書き換えられました。",
            en="The path given was changed.",
        )


def check_certain_frames(answer):
    """certain frames give the collapsed string, one-hot
    確実なフレームからは、縮約した文字列が one-hot で得られる"""
    for path, string in (([3, 3, 0, 3, 1], [3, 3, 1]), ([0, 4, 4, 2, 0, 0, 1, 1], [4, 2, 1])):
        found = answer.soft_letters(1000.0 * F.one_hot(torch.tensor(path), 5).double())
        expect_type("soft_letters", torch.Tensor, found)
        expect(
            found.shape == (len(string), 4),
            ja="パス `{path}` から `{shape}` の形が得られました。正しくは `({letters}, 4)` です。"
            "ブランクの列は含めません。",
            en="The path `{path}` gave the shape `{shape}`; it should be `({letters}, 4)`. No column for the blank.",
            path=path,
            shape=tuple(found.shape),
            letters=len(string),
        )
        right = F.one_hot(torch.tensor(string) - 1, 4).double()
        expect(
            torch.allclose(found, right),
            ja="確実なパス `{path}` なのに、縮約した文字列と {error:.3g} 違います。"
            "フレームの合計ではなく、平均を取りましたか。",
            en="For the certain path `{path}` the letters are off by {error:.3g} from the collapsed string. "
            "Is it the mean over frames, not the sum?",
            path=path,
            error=(found - right).abs().max(),
        )


def check_uncertain_frames(answer):
    """each row sums to 1, and all frames of a letter count the same
    各行の合計は 1 で、文字のどのフレームも同じ重みで数える"""
    logits, place = uncertain_logits()
    found = answer.soft_letters(logits)
    expect(
        torch.allclose(found.sum(1), torch.ones(3, dtype=torch.float64)),
        ja="行の合計が `{sums}` です。ブランクを除いてから、合計が 1 になるように softmax を取ります。",
        en="The rows sum to `{sums}`. Leave the blank out first, then take the softmax, so that each sums to 1.",
        sums=[round(one, 3) for one in found.sum(1).tolist()],
    )
    right = reference(logits, place)
    expect(
        not torch.equal(found, found.round()),
        ja="不確かなフレームなのに、どの確率も 0 か 1 です。文字の番号を選ぶところで切断しています。",
        en="The frames are uncertain, and each probability is 0 or 1: choosing the class of a letter is the cut.",
    )
    expect(
        torch.allclose(found, right),
        ja="文字の確率が {error:.3g} 違います。文字に属するフレーム全部の平均を取りましたか。",
        en="The letters' probabilities are off by {error:.3g}. Is it the mean over all frames of a letter?",
        error=(found - right).abs().max(),
    )


def check_gradient_of_the_letters(answer):
    """a path to every frame of every letter, not zero, with the right value
    どの文字のどのフレームにも経路があり、0 でなく、値が正しい"""
    start, place = uncertain_logits()
    torch.manual_seed(42)
    weights = torch.randn(3, 4, dtype=torch.float64)
    right = gradient_by_differences(lambda x: (reference(x, place) * weights).sin().sum(), start)
    logits = start.clone().requires_grad_()

    def found():
        return (answer.soft_letters(logits) * weights).sin().sum()

    expect_gradient(found, logits, right, what="`soft_letters`", tolerance=1e-6)


def check_empty_reading(answer):
    """a line of blanks has no letters, and is no reason to stop
    ブランクだけの行には文字がない。エラーで止まることもない"""
    logits = 3.0 * F.one_hot(torch.zeros(4, dtype=torch.long), 5).double()
    found = answer.soft_letters(logits)
    expect(
        isinstance(found, torch.Tensor) and found.shape == (0, 4),
        ja="ブランクだけの行から `{shape}` が得られました。形は `(0, 4)` のはずです。",
        en="A line of blanks gave `{shape}`; its shape should be `(0, 4)`.",
        shape=tuple(getattr(found, "shape", ())),
    )


def chain():
    """Stages of a reading: healthy, cut, healthy, exactly zero, cut, healthy."""
    torch.manual_seed(43)
    table = torch.randn(5, 3, dtype=torch.float64)
    return [
        ("probabilities", lambda x: x.softmax(-1)),
        ("argmax", lambda x: F.one_hot(x.argmax(-1), 5).double()),
        ("keep the first of each run", lambda x: x[[0, 2, 3, 4]]),
        ("drop the blanks", lambda x: x[x.argmax(-1) != 0]),
        ("class numbers", lambda x: (x * torch.arange(5.0, dtype=torch.float64)).sum(-1).long().double()),
        ("look up", lambda x: table[0] * x[:, None]),
        ("round", lambda x: x.round()),
        ("mean", lambda x: x.mean()),
    ]


def cuts_found(answer, stages):
    """What the learner's function says of some stages of the chain."""
    found = answer.cutting_stages(stages, uncertain_logits()[0])
    expect_type("cutting_stages", (list, tuple), found)
    return list(found)


def check_no_false_cut(answer):
    """healthy stages are no cuts, a softmax neither
    正常な段は切れ目ではない。softmax も切れ目ではない"""
    stages = [stage for stage in chain() if stage[0] in ("probabilities", "keep the first of each run")]
    stages += [("the last row alone", lambda x: torch.cat([x[:-1].round(), x[-1:]])), chain()[-1]]
    found = cuts_found(answer, stages)
    expect(
        found == [],
        ja="正常な段 `{found}` を切れ目と答えました。softmax の出力を足すと必ず 1 なので、"
        "ただの合計の勾配は 0 になります。要素ごとに違う重みをつけてください。",
        en="The healthy stages `{found}` were called cuts. The outputs of a softmax always add up to 1, "
        "so the gradient of their plain sum is 0: weigh the entries differently.",
        found=found,
    )


def check_hidden_cuts(answer):
    """all cuts are named, those behind the first one too
    最初の切れ目の後ろに隠れた切れ目も、全部答える"""
    stages = [stage for stage in chain() if stage[0] != "round"]
    found, right = cuts_found(answer, stages), ["argmax", "class numbers"]
    expect(
        set(right) <= set(found),
        ja="見つかったのは `{found}` です。`{right}` のどちらも切れ目です。一つ直すと、次の切れ目が現れます。",
        en="Found were `{found}`; both of `{right}` are cuts. Fix one, and the next comes to light.",
        found=found,
        right=right,
    )
    expect(
        found == right,
        ja="`{found}` と答えましたが、切れ目は `{right}` だけです。後ろの段は、結果として勾配を失っているだけです。",
        en="The answer was `{found}`, and only `{right}` are cuts: "
        "stages behind a cut merely have no gradient to lose.",
        found=found,
        right=right,
    )


def check_zero_is_a_cut(answer):
    """a stage with a path whose gradient is exactly 0 is a cut too
    経路があっても勾配がちょうど 0 の段は、切れ目とみなす"""
    found, right = cuts_found(answer, chain()), ["argmax", "class numbers", "round"]
    expect(
        found == right,
        ja="`{found}` と答えましたが、正しくは `{right}` です。`round` には経路がありますが、勾配はどこも 0 です。",
        en="The answer was `{found}`; it should be `{right}`. `round` has a path, and its gradient is 0 everywhere.",
        found=found,
        right=right,
    )


def check_each_stage_is_asked_where_it_stands(answer):
    """first and last stages, values of any sign and shape, gradients of any size
    最初の段も最後の段も、どんな符号と形の値も、どんな大きさの勾配も、正しく調べる"""
    value = torch.tensor([[1.0, -2.0, 0.5], [-3.0, 4.0, -1.0]], dtype=torch.float64)
    other = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    chains = {
        case("first", "最初の段"): ([("floor", lambda x: x.floor()), ("sum", lambda x: x.sum(-1))], ["floor"]),
        case("last", "最後の段"): (
            [("square", lambda x: x**2), ("sum", lambda x: x.sum(-1)), ("sign", lambda x: x.sign())],
            ["sign"],
        ),
        case("another leaf", "別の葉テンソル"): (
            [("another", lambda x: other * x.detach()), ("mean", lambda x: x.mean())],
            ["another"],
        ),
        case("one entry", "一つの要素だけ"): ([("entry", lambda x: x[1, 1] ** 2)], []),
        case("even softmax", "一様な softmax"): (
            [("softmax", lambda x: (x * 0.0).detach().add(x - x.detach()).softmax(-1))],
            [],
        ),
        case("first row", "最初の行だけ"): ([("first", lambda x: x * torch.tensor([[1.0], [0.0]]).double())], []),
        case("last row", "最後の行だけ"): ([("last", lambda x: x * torch.tensor([[0.0], [1.0]]).double())], []),
        case("small", "小さい勾配"): ([("small", lambda x: x * 1e-12), ("exp", lambda x: x.exp())], []),
        case("negative side", "負の側"): ([("relu of minus", lambda x: (-x[0, 1:2]).relu())], []),
        case("dead", "働かない ReLU"): (
            [("pick", lambda x: x[:, 0]), ("dead relu", lambda x: (x - 9).relu())],
            ["dead relu"],
        ),
        case("alive beyond", "ずらすと働く ReLU"): (
            [("shift", lambda x: x + 7.0), ("relu", lambda x: (x - 3).relu())],
            [],
        ),
        case("dead below", "途中からずっと 0"): (
            [("mirror", lambda x: -x[1:, :1]), ("low", lambda x: (-x).relu()), ("to zero", lambda x: x * 0)],
            ["low", "to zero"],
        ),
        case("single precision", "単精度"): (
            [("float", lambda x: x.float()), ("argmax", lambda x: x.argmax(-1).float())],
            ["argmax"],
        ),
    }
    for name, (stages, right) in chains.items():
        found = list(answer.cutting_stages(stages, value))
        expect(
            found == right,
            ja="段の列{name}(`{stages}`)の答えが `{found}` です。正しくは `{right}` です。"
            "どの段も、その前の段が作った値そのもので調べます。",
            en="For the stages {name} (`{stages}`) the answer was `{found}`; it should be `{right}`. Ask each stage "
            "at the very value that the one before it made.",
            name=name,
            stages=[one for one, _ in stages],
            found=found,
            right=right,
        )
