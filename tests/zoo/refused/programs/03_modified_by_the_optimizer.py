# error: one of the variables needed for gradient computation has been modified by an inplace operation
# kind: changed_in_place
# raised: error
# also: when an optimizer did it, as with GANs
# also_ja: GAN などで、オプティマイザが原因のとき
# en: The same sentence, and nothing in the forward pass is in place: one optimizer has stepped before the second `backward()` went through its weights.
# ja: 同じ文ですが、順伝播に上書きはありません。二つ目の `backward()` が通る前に、一方のオプティマイザが重みを更新しています。
import torch

torch.manual_seed(0)
generator, critic = torch.nn.Linear(4, 4), torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(generator.parameters(), lr=0.1)
other = torch.optim.SGD(critic.parameters(), lr=0.1)
score = critic(generator(torch.randn(5, 4)))
score.square().mean().backward(retain_graph=True)
other.step()
(-score).mean().backward()
optimizer.step()
# ---- instead ----
import torch

torch.manual_seed(0)
generator, critic = torch.nn.Linear(4, 4), torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(generator.parameters(), lr=0.1)
other = torch.optim.SGD(critic.parameters(), lr=0.1)
fake = generator(torch.randn(5, 4))
critic(fake.detach()).square().mean().backward()
other.step()
other.zero_grad()
(-critic(fake)).mean().backward()  # the score is computed anew, with the weights that stand there now
optimizer.step()
