"""Exercise 15: gradients add up. / 演習 15: 勾配は足される

backward() adds to .grad and frees the graph; zero_grad() decides what one step is made of.
backward() は .grad に足し込み、計算グラフを解放します。1 回の更新にどの勾配が使われるかは、zero_grad() で決まります。
"""

import torch


def accumulate(model, loss_of, micro_batches, optimizer):
    """One step of the optimizer with the gradient of the mean loss over all samples of all micro-batches: a float.

    loss_of(model, batch) gives the mean over one batch of len(batch) samples. One backward() for each micro-batch, so
    that memory is needed for one at a time. Old gradients play no part. Returns the mean loss over all samples.
    micro_batches may be an iterator, which can be gone through only once.
    すべてのマイクロバッチの全サンプルについての平均損失の勾配で、オプティマイザを 1 ステップ進め、その平均損失を返す。
    loss_of(model, batch) は、len(batch) 個のサンプルの平均を返す。メモリを節約するため、backward() は
    マイクロバッチごとに呼ぶ。前から残っている勾配は使わない。
    micro_batches は、一度しかたどれないイテレータのこともある。
    """
    # TODO accumulate: clear once before all, step once after all; a mean of means is no mean where sizes differ
    #                  最初に一度だけ消し、最後に一度だけ更新する。大きさが違うとき、平均の平均は全体の平均ではない
    total = 0.0
    for batch in micro_batches:
        optimizer.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total / len(micro_batches)
    # END accumulate


def train_on_chunks(cell, chunks, state, loss_of, optimizer):
    """One step of the optimizer for each chunk of a series; the state goes on, the gradient ends at the chunk.

    cell(row, state) gives the next state; loss_of(state) is taken at the end of a chunk; chunks: (R, N, D) each.
    Returns the last state, without a graph.
    時系列の区間ごとに、オプティマイザを 1 ステップ進める。状態は次の区間に引き継ぐが、勾配は区間の中で終わる。
    cell(row, state) は次の状態、loss_of(state) は区間の終わりの損失。chunks の要素は (R, N, D)。
    最後の状態を、計算グラフなしで返す。
    """
    # TODO chunks: retain_graph would only silence the error; cut the state where a chunk begins
    #              retain_graph はエラーを消すだけである。区間の始めで、状態を計算グラフから切り離す
    for chunk in chunks:
        optimizer.zero_grad()
        for row in chunk:
            state = cell(row, state)
        loss_of(state).backward(retain_graph=True)
        optimizer.step()
    return state
    # END chunks


def step_of_one_player(loss, own, other, optimizer):
    """One step of a player whose loss leads through the other player's network, too.

    own, other: modules; the optimizer holds own's parameters. Afterwards every .grad of `other` is as before the call:
    the very tensor, with the same numbers, or None; and every requires_grad too.
    損失が相手のネットワークも通るときの、一方のプレイヤーの 1 ステップ。
    own と other はモジュールで、オプティマイザは own のパラメータを持つ。呼んだあと、other の .grad は呼ぶ前と同じ
    テンソルで同じ値(または None)でなければならない。requires_grad も変えない。
    """
    # TODO player: backward() writes into every leaf it reaches; ask for the gradients of one's own parameters instead
    #              backward() は、届くすべての葉に書き込む。自分のパラメータについてだけ勾配を求める
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    # END player
