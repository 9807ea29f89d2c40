// One function for each program's way to lay models out in one of its folders. This is private to
// store/.
#pragma once

#include "coe/model/store/stores.h"

#include <string>
#include <string_view>
#include <vector>

namespace coe::store {

std::vector<StoredModel> ollama_models(const Path& folder);
// `program`: kHub, or kLlama, whose newer builds lay models out in the same way.
std::vector<StoredModel> hub_models(Program program, const Path& folder);
std::vector<StoredModel> lm_studio_models(const Path& folder);
// The flat cache of older builds of llama.cpp.
std::vector<StoredModel> llama_models(const Path& folder);

// The command that fetches what `name` stands for.
std::string fetch_command(Program program, std::string_view name);

// What a folder holds, sorted by name; empty where it cannot be listed.
std::vector<Path> listed(const Path& folder);
// 0 where there is none.
std::uint64_t bytes_of(const Path& file);

}  // namespace coe::store
