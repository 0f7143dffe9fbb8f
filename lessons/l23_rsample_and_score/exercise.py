"""Exercise 23: two gradients from the same noise. / 演習 23: 同じノイズから二つの勾配

mean and scale (D,); noise (K, D), drawn from a standard normal distribution: sample k is mean + scale * noise[k].
mean と scale は (D,)。noise (K, D) は標準正規分布のサンプルで、k 番目のサンプルは mean + scale * noise[k]。
"""

from torch.distributions import Normal


def pathwise_loss(mean, scale, cost, noise):
    """The mean cost of the samples, with the gradient of rsample; cost takes (K, D) and gives (K,).

    サンプルのコストの平均。勾配は rsample と同じもの。cost は (K, D) から (K,) を返す。
    """
    # TODO pathwise: the samples move with mean and scale; the noise alone is fixed
    #                サンプルは mean と scale と一緒に動く。固定するのはノイズだけ
    return cost((mean + scale * noise).detach()).mean()
    # END pathwise


def score_loss(mean, scale, cost, noise):
    """The mean cost of the samples, with the gradient of the score function and a leave-one-out baseline.

    cost need not have a gradient to the samples; none that it has plays a part. Its gradient to parameters of its own
    is part of the gradient of this loss. At least two samples.
    サンプルのコストの平均。勾配はスコア関数によるもので、ベースラインはほかのサンプルのコストの平均。
    cost がサンプルについて微分できなくてもよく、できる場合もその勾配は使わない。
    cost 自身のパラメータに対する勾配は、この損失の勾配に含める。サンプルは二つ以上ある。
    """
    # TODO score: what was drawn is a constant, and so is what multiplies log p; the value is the mean cost all the same
    #             サンプリングした値は定数で、log p に掛ける数も定数。それでも、値はコストの平均にする
    z = mean + scale * noise
    costs = cost(z)
    log_p = Normal(mean, scale).log_prob(z).sum(-1)
    return (costs.detach() * log_p).mean()
    # END score


def mixed_loss(mean, scale, logits_of, cost, noise, classes):
    """The mean of cost(z, classes), where z is continuous and each class was drawn from softmax(logits_of(z)).

    z has the gradient of rsample, the classes that of the score function, without a baseline; so mean and scale get
    one through both. logits_of takes (K, D) and gives (K, C); classes (K,) are given; cost gives (K,).
    cost(z, classes) の平均。z は連続で、クラスは softmax(logits_of(z)) からサンプリングしたもの。
    z の勾配は rsample、クラスの勾配はスコア関数(ベースラインなし)による。mean と scale には、その両方を通って届く。
    logits_of は (K, D) から (K, C) を返す。classes (K,) は与えられる。cost は (K,) を返す。
    """
    # TODO mixed: z moves, and the probabilities of the classes move along with it; the classes alone are constants
    #             z は動き、クラスの確率も一緒に動く。定数なのはクラスだけ
    z = mean + scale * noise
    return cost(z, classes).mean()
    # END mixed
