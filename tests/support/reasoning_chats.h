// Chats in the markup of the bundled model: text for tests that run it.
#pragma once

#include "coe/base/file.h"
#include "coe/corpus/reasoning.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <fstream>

namespace coe::testing {

// JSONL of `n` generated problems, each with its thinking and answer (`text`) and alone
// (`problem`).
inline void write_reasoning_chats(const Path& path, std::uint64_t seed, std::size_t n) {
  std::ofstream out(path);
  for (const auto& p : generate_reasoning(seed, n))
    out << nlohmann::json{{"domain", "reasoning"},
                          {"problem", p.problem},
                          {"text", "<|turn>user\n" + p.problem +
                                       "<turn|>\n<|turn>model\n<|channel>thought\n" + p.thinking +
                                       "\n<channel|>" + p.solution + "<turn|>\n"}}
               .dump()
        << "\n";
}

}  // namespace coe::testing
