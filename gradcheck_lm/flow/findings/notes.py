"""The notes of a diagnosis: what the reader should know beside the findings."""

from __future__ import annotations

from gradcheck_lm.flow.findings.messages import Message

UNSEEN = Message("a line that was not seen", "記録されていない行", id="unseen")  # where a line should stand
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
    "自作の autograd.Function、コンパイルされた区間、別のスレッドを調べてください(その中は記録できません)",
    id="opaque",
)
FREED = Message(
    "backward() had already freed the graph: norms are those left in .grad, with all that earlier backward passes left "
    "there",
    "backward() がすでに計算グラフを解放していたため、ノルムは .grad に残っているものです"
    "(それ以前の逆伝播の分も含みます)",
    id="freed",
)
READ = Message(
    "the watched code called backward() itself, which freed the graph: norms are those of its last pass through this "
    "loss",
    "観察したコード自身が backward() を呼んで計算グラフを解放したため、ノルムはこの損失を通った最後の逆伝播のものです",
    id="read",
)
STOPS = Message(
    "backward() stops with an error: {error}",
    "backward() はエラーで止まります: {error}",
    id="stops",
)
SCRIPT_ENDS = Message(
    "the script ends with {error}",
    "スクリプトは次のエラーで終わります: {error}",
    id="script_ends",
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
    "no optimizer is in use (none was made before backward(), or it is gone by now): asked about all parameters of the "
    "modules that ran",
    "使われているオプティマイザがない(backward() の前に作られていないか、すでに破棄された)ため、"
    "実行されたモジュールの全パラメータを対象にしました",
    id="no_optimizer",
)
NO_MODULE = Message(
    "no optimizer is in use and no module ran: asked about the tensors with requires_grad=True that were used",
    "使われているオプティマイザもモジュールの実行もないため、使われた requires_grad=True のテンソルを対象にしました",
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
NOT_FINITE_AT_THE_END = Message(
    "at the script's end weights are NaN or infinite, later than the steps that were watched: `run --until nan` names "
    "the operation",
    "スクリプトの終わりで重みが NaN または無限大になっています。観察したステップより後のことなので、"
    "`run --until nan` で演算を特定してください",
    id="not_finite_at_the_end",
)
STAYS_IN_GRAD = Message(
    "what is not finite has stayed in .grad for {passes} backward passes, and no optimizer has stepped since: "
    "gradients add up, so clear them also where a step is skipped",
    "有限でない値が、その後 {passes} 回の逆伝播のあいだ .grad に残り、オプティマイザは一度も step していません。"
    "勾配は加算されるので、step を飛ばすときも勾配をクリアしてください",
    id="stays_in_grad",
)
NOT_FINITE_ONCE = Message(
    "in one of the {steps} steps looked at a gradient was not finite; with a GradScaler the first steps may be "
    "so, and it skips them",
    "調べた {steps} ステップのうち 1 つで勾配が有限ではありませんでした。GradScaler では最初の数ステップがそうな"
    "ることがあり、飛ばされます",
    id="not_finite_once",
)
IN_NO_MODULE = Message(
    "{count} of {total} tensors that the optimizers hold are part of no module any more: see what is told of the step",
    "オプティマイザが持つ {total} 個のテンソルのうち {count} 個は、もうどのモジュールにも属していません。ステップ"
    "についての報告を見てください",
    id="in_no_module",
)
NOT_THEIR_TURN = Message(
    "{count} of {total} tensors get nothing from this loss in this step, and something from another loss or in "
    "another step: it was not their turn",
    "{total} 個のテンソルのうち {count} 個は、このステップではこの損失から何も受け取りませんが、別の損失または別"
    "のステップでは受け取ります。このステップの更新の対象ではないだけです",
    id="not_their_turn",
)
BY_CHANCE = Message(
    "{count} of {total} tensors get nothing in any step looked at, as others of their kind do in one of them: "
    "layers or experts that are chosen at random; a look at more steps would settle it",
    "{total} 個のテンソルのうち {count} 個は、調べたどのステップでも何も受け取りません。同種のものも一部のステッ"
    "プではそうなので、ランダムに選ばれる層やエキスパートと思われます。さらに多くのステップを調べれば確かめられま"
    "す",
    id="by_chance",
)
NO_SINGLE_OPERATION = Message(
    "{count} tensors get a gradient of exactly 0, and no single operation makes it so: parts of it cancel, as "
    "for the last bias of a Wasserstein critic, or a factor is 0 at this step; whether they move in a later step "
    "would settle it",
    "{count} 個のテンソルの勾配は厳密に 0 ですが、単独でそうする演算はありません。WGAN のクリティックの最後のバ"
    "イアスのように部分が打ち消し合うか、このステップで因子が 0 です。後のステップで動くかどうかで確かめられます",
    id="no_single_operation",
)
NO_NORMS = Message(
    "the gradient norms of single terms were not measured: {reason}",
    "損失項ごとの勾配ノルムは測っていません: {reason}",
    id="no_norms",
)
NO_NORMS_OF_ONE_PASS = Message(
    "the gradient norms of single terms were not measured: the program's own pass was read, and nothing was run a "
    "second time",
    "損失項ごとの勾配ノルムは測っていません: スクリプト自身の逆伝播を読み取っただけで、再実行はしていません",
    id="no_norms_of_one_pass",
)
AS_GRAD_ASKED = Message(
    "no backward() was called: asked about the tensors that torch.autograd.grad was asked about",
    "backward() が呼ばれていないため、torch.autograd.grad に渡されたテンソルを対象にしました",
    id="as_grad_asked",
)
WATCH_MISSED = Message(
    "the watch missed something: {failure}",
    "観察できなかったものがあります: {failure}",
    id="watch_missed",
)
COULD_NOT_ASK = Message(
    "this loss could not be asked about: {error}",
    "この損失は調べられませんでした: {error}",
    id="could_not_ask",
)
RANKS_MISSING = Message(
    "rank {ranks} did not get as far as this one within {seconds} s, or is not watched: it was not compared",
    "ランク {ranks} は {seconds} 秒以内にここまで到達しなかったか、観察されていません。比較していません",
    id="ranks_missing",
)
READ_OFF = Message(
    "read off the program's own backward(): nothing on the way to the loss gave a reason to ask further",
    "プログラム自身の backward() から読み取りました。損失までの途中に、さらに調べる理由はありませんでした",
    id="read_off",
)
LOSS_NOT_FINITE = Message(
    "the loss that backward() is called on is {value}: a gradient of it says nothing, and nothing was asked about it",
    "backward() を呼んだ損失が {value} です。その勾配からは何も分からないため、調べていません",
    id="loss_not_finite",
)
NOT_HELD_YET = Message(
    "no optimizer held a tensor of a module that runs when backward() was called",
    "backward() が呼ばれたとき、実行されるモジュールのテンソルを持つオプティマイザがありませんでした",
    id="not_held_yet",
)
