// The page cache, put into a known state before each measurement and measured itself.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"

#include <span>
#include <string_view>

namespace coe::bench {

enum class CacheState { kCold, kWarm };
std::string_view cache_name(CacheState state);

// Writes back what is dirty anywhere, then drops the files from the cache (kCold) or reads them
// once (kWarm; of files larger than memory only the end stays). Errors: kIo.
Status prepare_cache(CacheState state, std::span<const Path> files);

// Share of the file's pages in the cache, 0 to 1. Errors: kIo.
Result<double> cached_share(const Path& file);

// Reads the files whole with `n_thread` threads, each with one buffer of 1 MiB. Errors: kIo.
Status read_files(std::span<const Path> files, unsigned n_thread);

}  // namespace coe::bench
