#include "coe/engine/llama/sampler.h"

#include <llama.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace coe {

void SamplerDeleter::operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }

SamplerPtr make_sampler(const Sampling& sampling, std::uint32_t n_vocab,
                        std::span<const std::int32_t> prompt) {
  auto params = llama_sampler_chain_default_params();
  params.no_perf = true;
  SamplerPtr chain(llama_sampler_chain_init(params));
  llama_sampler_chain_add(
      chain.get(),
      llama_sampler_init_penalties(static_cast<std::int32_t>(n_vocab), sampling.repeat_last_n,
                                   sampling.repeat_penalty, 0.0F, 0.0F));
  for (const auto token : prompt) llama_sampler_accept(chain.get(), token);
  if (sampling.temperature <= 0.0F) {
    llama_sampler_chain_add(chain.get(), llama_sampler_init_greedy());
    return chain;
  }
  constexpr std::size_t kMinKeep = 1;
  llama_sampler_chain_add(chain.get(), llama_sampler_init_top_k(sampling.top_k));
  llama_sampler_chain_add(chain.get(), llama_sampler_init_top_p(sampling.top_p, kMinKeep));
  llama_sampler_chain_add(chain.get(), llama_sampler_init_temp(sampling.temperature));
  // LLAMA_DEFAULT_SEED, the highest, would mean a random one.
  const auto seed = static_cast<std::uint32_t>(sampling.seed % LLAMA_DEFAULT_SEED);
  llama_sampler_chain_add(chain.get(), llama_sampler_init_dist(seed));
  return chain;
}

}  // namespace coe
