#include "coe/engine_llama/sampler.h"

#include <llama.h>

#include <cstddef>
#include <cstdint>

namespace coe {

void SamplerDeleter::operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }

SamplerPtr make_sampler(const Sampling& sampling) {
  auto params = llama_sampler_chain_default_params();
  params.no_perf = true;
  SamplerPtr chain(llama_sampler_chain_init(params));
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
