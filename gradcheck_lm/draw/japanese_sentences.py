"""What the debugger says of single operations, and its notes, in Japanese; keys are flow's own English sentences."""

from __future__ import annotations

_STAIRS = "入力が少し変わっても変わらず、あるところで急に飛ぶため、微分が存在せず autograd は何も記録しません。"
# what flow says of single operations
SENTENCES_JA = {
    "argmax gives the index of the largest value: a whole number that stays the same under small changes and then "
    "jumps, so it has no derivative and autograd records nothing.": f"argmax は最大値の添字(整数)を返します。{_STAIRS}",
    "argmin gives the index of the smallest value: a whole number that stays the same under small changes and then "
    "jumps, so it has no derivative and autograd records nothing.": f"argmin は最小値の添字(整数)を返します。{_STAIRS}",
    "softmax probabilities times the embedding table instead of embedding(argmax) (soft embeddings)": (
        "embedding(argmax) の代わりに softmax の確率 × 埋め込み表(ソフト埋め込み)"
    ),
    "keep the hard choice forward, the soft one backward: hard + soft - soft.detach() (straight-through)": (
        "順伝播は硬い選択、逆伝播は軟らかい選択: hard + soft - soft.detach() (straight-through)"
    ),
    "torch.nn.functional.gumbel_softmax(logits, hard=True) for a sampled choice with a gradient": (
        "勾配を持つ標本選択: torch.nn.functional.gumbel_softmax(logits, hard=True)"
    ),
    "policy gradient on sampled outputs: reward.detach() * log_prob; what follows may be a black box": (
        "標本に対する方策勾配: reward.detach() * log_prob (後段がブラックボックスでもよい)"
    ),
    "one_hot takes indices, which carry no gradient, and gives whole numbers.": (
        "one_hot は勾配を持たない添字を受け取り、整数を返します。"
    ),
    "use the softmax probabilities where the one-hot rows went": "one-hot の行の代わりに softmax の確率を使う",
    "A comparison gives yes or no: it stays the same under small changes and then flips, so it has no derivative.": (
        "比較の結果は真か偽です。入力が少し変わっても変わらず、あるところで反転するため、微分が存在しません。"
    ),
    "a soft comparison: torch.sigmoid((a - b) / temperature)": "軟らかい比較: torch.sigmoid((a - b) / temperature)",
    "for a hinge or a margin: torch.relu(a - b) instead of counting a > b": (
        "ヒンジやマージンには a > b を数える代わりに torch.relu(a - b)"
    ),
    "use the yes/no only as a mask on a value that carries the gradient": (
        "真偽は、勾配を持つ値へのマスクとしてだけ使う"
    ),
    "Asking a cut value for a gradient makes it the beginning of a new graph: backward() runs without an error and "
    "stops here.": (
        "切断された値に勾配を求めると、新しい計算グラフの始まりになります。backward() は動きますが、ここで止まります。"
    ),
    "drop requires_grad_(): it silences the error and mends nothing": (
        "requires_grad_() を外す: エラーを隠すだけで何も直らない"
    ),
    "mend the cut that stands before it, where the value lost its history": ("その手前の、値が履歴を失った切断を直す"),
    "hard = one_hot(...).float(); hard + soft - soft.detach() (straight-through)": (
        "hard = one_hot(...).float() として hard + soft - soft.detach() (straight-through)"
    ),
    "The sorted values have a gradient; the order (the indices) has none.": (
        "整列された値には勾配がありますが、順序(添字)にはありません。"
    ),
    "use the values of torch.sort, not its indices": "torch.sort の添字ではなく値を使う",
    "a soft rank: sigmoid of pairwise differences, summed": "軟らかい順位: 組ごとの差の sigmoid を合計する",
    "The top values have a gradient; which ones they are (the indices) has none.": (
        "上位の値には勾配がありますが、どれが上位か(添字)にはありません。"
    ),
    "use the values of torch.topk, not its indices": "torch.topk の添字ではなく値を使う",
    "weights from softmax instead of a selection by index": "添字で選ぶ代わりに softmax の重みを付ける",
    "An order is a permutation of whole numbers; it has no derivative.": "順序は整数の置換であり、微分が存在しません。",
    "use the values of torch.sort": "torch.sort の値を使う",
    "torch.autograd.grad without create_graph=True gives gradients that have no history themselves.": (
        "create_graph=True のない torch.autograd.grad が返す勾配は、それ自身の履歴を持ちません。"
    ),
    "torch.autograd.grad(..., create_graph=True) where the gradient enters the loss (gradient penalties)": (
        "勾配が損失に入るとき(勾配ペナルティなど)は torch.autograd.grad(..., create_graph=True)"
    ),
    ".data gives the values without their history, and without the checks that .detach() has.": (
        ".data は履歴のない値を返し、.detach() にある検査もありません。"
    ),
    "use the tensor itself on the way to the loss": "損失へ向かう途中では元のテンソルを使う",
    "keep .detach() for logging and for targets": ".detach() はログと目標値だけに使う",
    "Values are written into this tensor's memory through .data: they arrive, and the history of how they were made "
    "does not.": "値は .data を通してこのテンソルのメモリに書き込まれます。値は届きますが、作られた履歴は届きません。",
    "torch.func.functional_call(module, {name: made, ...}, inputs): the module with made weights": (
        "torch.func.functional_call(module, {名前: 作った重み, ...}, inputs): 作った重みでモジュールを呼ぶ"
    ),
    "torch.nn.utils.parametrize to compute a weight from others in every forward": (
        "順伝播のたびに重みを計算するには torch.nn.utils.parametrize"
    ),
    "Pickling or saving a tensor writes its values and not its history: what is read back is a new tensor.": (
        "pickle や保存はテンソルの値だけを書き、履歴は書きません。読み戻したものは新しいテンソルです。"
    ),
    "keep the tensor itself in memory for as long as its gradient is wanted": (
        "勾配が必要な間は、テンソルそのものをメモリに残す"
    ),
    "if the file is a cache of fixed features: detach them, and do not ask what lies behind them to learn": (
        "固定した特徴量のキャッシュなら detach し、その手前に学習を求めない"
    ),
    "A deep copy is a new tensor: training it does not train the original.": (
        "deepcopy は新しいテンソルです。それを学習しても元のテンソルは学習されません。"
    ),
    "give the copy's parameters to the optimizer, or compute the loss with the original": (
        "コピーのパラメータをオプティマイザに渡すか、損失を元のモデルで計算する"
    ),
    "torch has no formula for the derivative of this operation: it records nothing here, or backward() raises.": (
        "torch はこの演算の微分の式を持ちません。何も記録しないか、backward() がエラーになります。"
    ),
    "compose the value of operations that have a derivative, out of place (x = torch.acosh(x) for x.acosh_())": (
        "微分のある演算を組み合わせ、in-place を避ける(x.acosh_() の代わりに x = torch.acosh(x))"
    ),
    "give it one: a torch.autograd.Function with this forward and your own backward, tested by gradcheck": (
        "微分を与える: この forward と自作の backward を持つ torch.autograd.Function を書き、gradcheck で確かめる"
    ),
    "Reentrant checkpointing runs this stretch with gradient off and ties its result to its inputs alone: none of them "
    "asks for a gradient, so the weights inside get none.": (
        "再入型のチェックポイントはこの区間を勾配なしで実行し、結果を入力だけに結び付けます。"
        "どの入力も勾配を求めていないため、中の重みは勾配を受け取りません。"
    ),
    "torch.utils.checkpoint.checkpoint(..., use_reentrant=False)": (
        "torch.utils.checkpoint.checkpoint(..., use_reentrant=False) を使う"
    ),
    "let the input ask for one: input.requires_grad_(True), or model.enable_input_require_grads() in transformers": (
        "入力に勾配を求める: input.requires_grad_(True)、transformers では model.enable_input_require_grads()"
    ),
    " It was off already when the run began.": "実行の開始時点ですでに無効でした。",
    "It is used in this run, and nothing computed from it reaches the loss.": (
        "この実行で使われていますが、そこから計算されたものは損失に届きません。"
    ),
    "No operation of this run uses it: its module is never called, or another object is trained.": (
        "この実行のどの演算も使っていません。モジュールが呼ばれていないか、別のオブジェクトを学習しています。"
    ),
    "No operation of this run uses what wrt holds: its module is never called, or another object is used.": (
        "この実行のどの演算も対象(wrt)を使っていません。モジュールが呼ばれていないか、別のオブジェクトが使われています。"
    ),
    "the program did not repeat itself when run again: values that left torch are matched by likeness": (
        "もう一度実行すると結果が変わったため、torch の外へ出た値は値の一致で対応付けました"
    ),
    "the time bound for changing values and running again was reached": (
        "値を変えて再実行するための時間の上限に達しました"
    ),
    "no optimizer was made before backward(): asked about all parameters of the modules that ran": (
        "backward() の前にオプティマイザが作られていないため、実行されたモジュールの全パラメータを対象にしました"
    ),
    "no optimizer was made before backward() and no module ran: asked about the tensors with requires_grad=True that "
    "were used": (
        "backward() の前にオプティマイザもモジュールの実行もないため、"
        "使われた requires_grad=True のテンソルを対象にしました"
    ),
    "this is not the script's first backward(): what ran before the last one is out of sight, so a cut in there is "
    "told as 'constant'": (
        "最初の backward() ではありません。前回より前の実行は見えないため、そこでの切断は constant と報告されます"
    ),
    "what runs in another thread or process or in a torch.jit script is out of the recorder's sight: if wrt reaches "
    "the loss through one of them, look for the cut in there": (
        "別のスレッドやプロセス、torch.jit スクリプトの中は記録できません。対象がそれを通って損失に届くなら、"
        "切断はその中を探してください"
    ),
}
# sentences with names and numbers in them
PATTERNS_JA = (
    (
        r"(\d+) nodes folded into (\d+) .*",
        r"\1 個のノードをモジュールとソース行ごとに \2 個にまとめました",
    ),
    (
        r"term '(.*)' descends from wrt and no cut was seen on the way: .*",
        r"損失項 '\1' は対象から計算されていますが、途中に切断は見つかりませんでした。"
        "自作の autograd.Function、コンパイルされた区間、別のスレッドを調べてください(記録器は中を見られません)",
    ),
    (
        r"zero by construction: (.*); a normalisation takes its shift away, so this is no fault",
        r"\1 の勾配は構成上ゼロです。正規化がこのずれを取り除くためで、欠陥ではありません",
    ),
    (r"the gradient of (.*) at (.*) holds NaN or infinity", r"\2 での \1 の勾配に NaN または無限大があります"),
)
