"""The notes of a diagnosis: what the reader should know beside the findings."""

from __future__ import annotations

from gradcheck_lm.flow.findings.messages import Message

OUT_OF_SIGHT = Message(
    "what runs in another thread or process or in a torch.jit script is out of the recorder's sight: if wrt reaches "
    "the loss through one of them, look for the cut in there",
    "別のスレッドやプロセス、torch.jit スクリプトの中は記録できません。対象がそれを通って損失に届くなら、"
    "切断はその中を探してください",
    id="out_of_sight",
)
OPAQUE = Message(
    "term {term} descends from wrt and no cut was seen on the way: look at custom autograd.Functions, compiled regions "
    "and other threads, which the recorder cannot look into",
    "損失項 {term} は対象から計算されていますが、途中に切断は見つかりませんでした。"
    "自作の autograd.Function、コンパイルされた区間、別のスレッドを調べてください(記録器は中を見られません)",
    id="opaque",
)
FREED = Message(
    "backward() had already freed the graph: norms are those left in .grad",
    "backward() がすでに計算グラフを解放していたため、ノルムは .grad に残っているものです",
    id="freed",
)
STOPS = Message(
    "backward() stops with an error: {error}",
    "backward() はエラーで止まります: {error}",
    id="stops",
)
NOT_REPEATED = Message(
    "the program did not repeat itself when run again: values that left torch are matched by likeness",
    "もう一度実行すると結果が変わったため、torch の外へ出た値は値の一致で対応付けました",
    id="not_repeated",
)
OUT_OF_TIME = Message(
    "the time bound for changing values and running again was reached",
    "値を変えて再実行するための時間の上限に達しました",
    id="out_of_time",
)
NO_OPTIMIZER = Message(
    "no optimizer was made before backward(): asked about all parameters of the modules that ran",
    "backward() の前にオプティマイザが作られていないため、実行されたモジュールの全パラメータを対象にしました",
    id="no_optimizer",
)
NO_MODULE = Message(
    "no optimizer was made before backward() and no module ran: asked about the tensors with requires_grad=True that "
    "were used",
    "backward() の前にオプティマイザもモジュールの実行もないため、使われた requires_grad=True "
    "のテンソルを対象にしました",
    id="no_module",
)
NOT_THE_FIRST = Message(
    "this is not the script's first backward(): what ran before the last one is out of sight, so a cut in there is "
    "told as 'constant'",
    "最初の backward() ではありません。前回より前の実行は見えないため、そこでの切断は constant と報告されます",
    id="not_the_first",
)
PASS_A_FUNCTION = Message(
    "for the line that cuts it, pass a function: assert_gradient_flows(lambda: step(batch), wrt)",
    "切断の行を知るには、関数を渡してください: assert_gradient_flows(lambda: step(batch), wrt)",
    id="pass_a_function",
)
BY_CONSTRUCTION = Message(
    "zero by construction: {tensor}; a normalisation takes its shift away, so this is no fault",
    "{tensor} の勾配は構成上ゼロです。正規化がこのずれを取り除くためで、欠陥ではありません",
    id="by_construction",
)
