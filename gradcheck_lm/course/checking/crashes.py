"""What an exception in a learner's own code most likely means, in both languages."""

from __future__ import annotations

from gradcheck_lm.course.language import Words

# (type, part of its text, meaning): the first that fits
_KNOWN: tuple[tuple[type[BaseException], str, Words], ...] = (
    (
        SyntaxError,
        "",
        Words("Python の文法の誤りです。括弧、コロン、字下げを見直してください。",
              "This is not Python yet: look at brackets, colons and indentation."),
    ),
    (
        NotImplementedError,
        "",
        Words("まだ書かれていない場所があります。`raise NotImplementedError` を自分のコードに置き換えてください。",
              "A place is not written yet: put your own code where it says `raise NotImplementedError`."),
    ),
    (
        RecursionError,
        "",
        Words("再帰が深すぎます。長い計算グラフは Python の再帰の上限を超えます。"
              "リストをスタックにして、ループでたどってください。",
              "The recursion is too deep: a long graph exceeds Python's limit. "
              "Walk it in a loop, with a list as stack."),
    ),
    (
        RuntimeError,
        "does not require grad",
        Words("この値には計算グラフがありません。どこかで切断されているので、`backward()` は進む先がありません。",
              "This value has no graph: it is cut somewhere, so `backward()` has nowhere to go."),
    ),
    (
        RuntimeError,
        "appears to not have been used in the graph",
        Words("勾配を求めたテンソルのどれかが、この損失の計算グラフにありません。"
              "`allow_unused=True` を渡すと `None` が返ります。",
              "A tensor that you ask about is not in this loss's graph. "
              "With `allow_unused=True` you get `None` for it."),
    ),
    (
        RuntimeError,
        "backward through the graph a second time",
        Words("計算グラフは一度の `backward()` で解放されます。前のステップから引き継いだテンソルがあれば、使う前に "
              "`detach()` で切り離します。同じ損失をもう一度微分するときは、計算し直すか、"
              "`retain_graph=True` で残します。",
              "One `backward()` frees the graph. A tensor carried over from the step before is cut off with `detach()` "
              "before it is used. To differentiate the same loss twice, compute it again or keep it with "
              "`retain_graph=True`."),
    ),
    (
        RuntimeError,
        "leaf Variable that requires grad",
        Words("勾配を求める葉テンソルを、その場で書き換えようとしています。更新は `torch.no_grad()` の中で行います。",
              "A leaf tensor that requires grad is changed in place. Updates belong inside `torch.no_grad()`."),
    ),
    (
        RuntimeError,
        "modified by an inplace operation",
        Words("逆伝播で使う値が、計算されたあとに書き換えられています。その場で書き換える代わりに、新しいテンソルを"
              "作ってください。`step()` も重みをその場で書き換えます。計算グラフが前のステップまで続いていませんか。",
              "A value that the backward pass needs was overwritten after it was computed. Make a new tensor in place "
              "of writing into it. `step()` writes into the weights, too: does the graph reach back into the step "
              "before?"),
    ),
    (
        RuntimeError,
        "unscale_() ",
        Words("スケーラーは、前のステップが終わっていないと考えています。"
              "`scaler.step(optimizer)` のあとに、毎回 `scaler.update()` を呼びます。",
              "The scaler takes the step before for unfinished: "
              "call `scaler.update()` after every `scaler.step(optimizer)`."),
    ),
    (
        RuntimeError,
        "did not match Double",
        Words("テンソルの型(dtype)がそろっていません。新しいテンソルは、渡されたテンソルと同じ型で作ってください。",
              "The dtypes of two tensors differ: make new tensors with the dtype of those that are passed in."),
    ),
    (
        RuntimeError,
        "Inference tensors",
        Words("`inference_mode` の中で作られたテンソルは、後から計算グラフに入れません。",
              "Tensors made in `inference_mode` can never enter a graph afterwards."),
    ),
    (
        RuntimeError,
        "Can't call numpy() on Tensor that requires grad",
        Words("勾配を持つテンソルを NumPy に渡そうとしています。NumPy に出た値は、計算グラフから切れます。",
              "A tensor that carries gradient is handed to NumPy. What enters NumPy is cut off the graph."),
    ),
    (
        AttributeError,
        "has no attribute 'grad_fn'",
        Words("テンソルでない値の `grad_fn` を見ています。数、文字列、リストには計算グラフがありません。",
              "This looks at the `grad_fn` of a value that is no tensor: numbers, strings and lists have no graph."),
    ),
    (
        AttributeError,
        "'NoneType'",
        Words("`None` に対して属性を使っています。計算グラフのない値では `grad_fn` も `grad` も `None` です。",
              "An attribute of `None` is used. For a value without a graph, `grad_fn` and `grad` are `None`."),
    ),
    (
        TypeError,
        "NoneType",
        Words("数が必要な所に `None` があります。"
              "届かない勾配は 0 ではなく `None` です。`return` の書き忘れもよくあります。",
              "There is `None` where a number is needed. A gradient that does not arrive is `None`, not 0; "
              "a missing `return` is common too."),
    ),
    (
        SystemExit,
        "",
        Words("ファイルが自分で終了しました。`exit()` を消してください。",
              "The file ends itself: take the `exit()` out."),
    ),
)  # fmt: skip

_UNKNOWN = Words("あなたのコードがエラーで止まりました。", "Your code stopped with an error.")
_UNUSABLE = Words(
    "検査が、あなたのコードの返した値を扱えませんでした。", "The check could not use what your code gave it."
)
_RETURNED = Words("`{name}` が返したもの: {what}", "What `{name}` returned: {what}")
_NO_RETURN = Words(
    "`{name}` から None が返りました。`return` を忘れていませんか。", "`{name}` returned None. Is a `return` missing?"
)


def explain_crash(error: BaseException) -> Words:
    """An error of the learner's own code with its text, and what it most likely means."""
    return _in_lines(_meaning(error) or _UNKNOWN, _named(error))


def explain_unusable(error: BaseException, function: str, returned: object) -> Words:
    """An error of a check that could go no further with what the learner's code gave it.

    Args:
        error: raised outside the learner's file.
        function: of the learner, called last; "" where none was, as in a lesson whose exercise is a class.
        returned: what that gave.
    """
    if function and returned is None:
        return _in_lines(_NO_RETURN.filled(name=function), _named(error))
    told = _in_lines(_meaning(error) or _UNUSABLE, _named(error))
    what = _form(returned)
    return _in_lines(told, _RETURNED.filled(name=function, what=what)) if function else told


def _meaning(error: BaseException) -> Words | None:
    return next((words for kind, part, words in _KNOWN if isinstance(error, kind) and part in str(error)), None)


def _named(error: BaseException) -> Words:
    text = str(error).strip().split("\n")[0]
    named = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return Words("{named}", "{named}").filled(named=named)


def _in_lines(first: Words, second: Words) -> Words:
    return Words("{first}\n{second}", "{first}\n{second}").filled(first=first, second=second)


def _form(value: object) -> str:
    """A tensor by its shape and type, anything else by its type: the same in both languages."""
    if (
        type(value).__module__.partition(".")[0] == "torch"
        and hasattr(value, "requires_grad")
        and hasattr(value, "shape")
    ):
        kind = str(getattr(value, "dtype", "")).removeprefix("torch.")
        return f"`Tensor{tuple(value.shape)}, {kind}, requires_grad={value.requires_grad}`"
    return f"`{type(value).__name__}`"
