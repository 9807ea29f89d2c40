// Lays small models out as Ollama, the Hub cache, LM Studio and llama.cpp lay theirs.
#pragma once

#include "coe/base/file.h"

#include "support/tiny_gguf.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace coe::testing {

inline void put(const Path& file, std::string_view content) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

inline void put_model(const Path& file, const TinyGguf& model) {
  std::filesystem::create_directories(file.parent_path());
  write_tiny(file, model);
}

// "sha256-" and 64 digits that begin with `digits`.
inline std::string ollama_blob(const std::string& digits) {
  return "sha256-" + digits + std::string(64 - digits.size(), '0');
}

inline std::string ollama_manifest(const std::string& blob, std::uint64_t bytes) {
  const auto digest = "sha256:" + blob.substr(7);
  return R"({"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",)"
         R"("config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":")" +
         digest +
         R"(","size":3},"layers":[{"mediaType":"application/vnd.ollama.image.license",)"
         R"("digest":")" +
         digest + R"(","size":1},{"mediaType":"application/vnd.ollama.image.model","digest":")" +
         digest + R"(","size":)" + std::to_string(bytes) + "}]}";
}

// `name`: "registry.ollama.ai/library/gemma4/26b".
inline Path put_ollama(const Path& store, const std::string& name, const std::string& digits,
                       const TinyGguf& model) {
  const auto blob = ollama_blob(digits);
  const Path file = store / "blobs" / blob;
  put_model(file, model);
  put(store / "manifests" / name, ollama_manifest(blob, std::filesystem::file_size(file)));
  return file;
}

inline constexpr std::string_view kCommit = "0123456789abcdef0123456789abcdef01234567";

// A file of models--USER--REPO, as a link to a blob. `blob` is its name.
inline Path link_in_hub(const Path& hub, const std::string& repository, const std::string& path,
                        const std::string& blob, std::string_view commit = kCommit) {
  const Path file = hub / repository / "snapshots" / commit / path;
  std::filesystem::create_directories(file.parent_path());
  std::filesystem::create_symlink(
      std::filesystem::relative(hub / repository / "blobs" / blob, file.parent_path()), file);
  put(hub / repository / "refs" / "main", commit);
  return file;
}

inline Path put_hub(const Path& hub, const std::string& repository, const std::string& path,
                    const std::string& blob, const TinyGguf& model) {
  put_model(hub / repository / "blobs" / blob, model);
  return link_in_hub(hub, repository, path, blob);
}

}  // namespace coe::testing
