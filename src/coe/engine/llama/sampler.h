// llama.cpp's samplers behind coe's Sampling.
#pragma once

#include "coe/engine/chat.h"

#include <cstdint>
#include <memory>
#include <span>

struct llama_sampler;  // NOLINT(readability-identifier-naming): the engine's

namespace coe {

struct SamplerDeleter {
  void operator()(llama_sampler* sampler) const;
};
using SamplerPtr = std::unique_ptr<llama_sampler, SamplerDeleter>;

// In the order of llama.cpp's own programs: penalties (which see the prompt as well), top k, top p,
// temperature, choice by seed.
SamplerPtr make_sampler(const Sampling& sampling, std::uint32_t n_vocab,
                        std::span<const std::int32_t> prompt);

}  // namespace coe
