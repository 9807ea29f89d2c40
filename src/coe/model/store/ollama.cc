// Ollama's store: manifests/HOST/NAMESPACE/MODEL/TAG, or manifests-v2/… as links, each a list of
// blobs/sha256-…; those of "application/vnd.ollama.image.model" are GGUF files. Source: Ollama,
// manifest/paths.go, manifest/manifest.go, server/download.go.
#include "coe/base/file.h"
#include "coe/base/json.h"
#include "coe/base/text.h"
#include "coe/model/store/shelves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace coe::store {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view kModelLayer = "application/vnd.ollama.image.model";
constexpr std::string_view kTensorLayer = "application/vnd.ollama.image.tensor";
constexpr std::string_view kPartial = "-partial";
constexpr std::uint64_t kMaxManifestBytes = 16U << 20U;

std::string text_of(const Json& object, std::string_view key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// "sha256:…" or "sha256-…" → the blob's file name; empty for anything else.
std::string blob_name(std::string digest) {
  constexpr std::string_view kStart = "sha256-";
  constexpr std::size_t kDigits = 64;
  if (digest.starts_with("sha256:")) digest[kStart.size() - 1] = '-';
  const auto is_hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  if (!digest.starts_with(kStart) || digest.size() != kStart.size() + kDigits) return {};
  return std::ranges::all_of(digest.substr(kStart.size()), is_hex) ? digest : std::string();
}

// Discarded where it cannot be read.
Json read_manifest(const Path& file) {
  std::error_code ec;
  if (!fs::is_regular_file(file, ec) || bytes_of(file) > kMaxManifestBytes)
    return Json(Json::value_t::discarded);
  const auto text = read_text(file);
  return text ? parse_json<Json>(*text) : Json(Json::value_t::discarded);
}

// A model may have one manifest for each of Ollama's runners, some of them blobs of their own.
// llama.cpp's is the one whose files need no translation.
Json runnable(Json manifest, const Path& folder) {
  if (!manifest.is_object() || !manifest.contains("manifests")) return manifest;
  const auto children = std::move(manifest["manifests"]);
  if (!children.is_array()) return manifest;
  for (const std::string_view runner : {"llamacpp", "ollama", ""}) {
    for (const auto& child : children) {
      if (lower_ascii(text_of(child, "runner")) != runner) continue;
      const auto blob = blob_name(text_of(child, "digest"));
      return blob.empty() || child.contains("layers") ? child
                                                      : read_manifest(folder / "blobs" / blob);
    }
  }
  return manifest;
}

// Names leave out what Ollama takes for granted.
std::string short_name(const std::string& host, const std::string& space, const std::string& model,
                       const std::string& tag) {
  const auto plain = lower_ascii(host);
  const bool is_ollamas = plain == "registry.ollama.ai" || plain == "ollama.com";
  std::string name = is_ollamas && lower_ascii(space) == "library" ? model : space + "/" + model;
  if (!is_ollamas) name.insert(0, host + "/");
  return name + ":" + tag;
}

void find_blob(const Json& manifest, const Path& folder, StoredModel& out,
               std::set<std::string>& named) {
  const auto layers = manifest.is_object() ? manifest.find("layers") : manifest.end();
  if (!manifest.is_object() || layers == manifest.end() || !layers->is_array()) {
    out.problem = "its manifest is damaged";
    return;
  }
  const auto of_type = [&](std::string_view type) {
    return std::ranges::find_if(
        *layers, [&](const Json& layer) { return text_of(layer, "mediaType") == type; });
  };
  const auto layer = of_type(kModelLayer);
  if (layer == layers->end()) {
    const bool has_tensors = of_type(kTensorLayer) != layers->end();
    out.problem = has_tensors ? "it is kept as safetensors, and coe reads GGUF"
                              : "nothing of it is on this disk: it runs on a server";
    out.fetch.clear();
    return;
  }
  const auto blob = blob_name(text_of(*layer, "digest"));
  if (blob.empty()) {
    out.problem = "its manifest is damaged";
    return;
  }
  named.insert(blob);
  const Path file = folder / "blobs" / blob;
  const auto wanted = unsigned_at(*layer, "size");
  std::error_code ec;
  if (fs::exists(file, ec)) {
    out.files = {file};
    out.bytes = bytes_of(file);
    if (wanted && out.bytes != *wanted)
      out.problem =
          fmt::format("blobs/{} has {} bytes, its manifest says {}", blob, out.bytes, *wanted);
  } else if (fs::exists(folder / "blobs" / (blob + std::string(kPartial)), ec)) {
    out.problem = "partly downloaded";
  } else {
    out.problem = fmt::format("blobs/{} is missing", blob);
  }
}

// Blobs of pulls that did not end: their manifest comes last, so nothing says what they are of.
void add_unfinished(const Path& folder, const std::set<std::string>& named,
                    std::vector<StoredModel>& out) {
  for (const auto& file : listed(folder / "blobs")) {
    const auto name = file.filename().string();
    if (!name.ends_with(kPartial)) continue;
    const auto blob = name.substr(0, name.size() - kPartial.size());
    if (blob_name(blob).empty() || named.contains(blob)) continue;
    out.push_back({.program = Program::kOllama,
                   .name = {},
                   .files = {},
                   .bytes = bytes_of(file),
                   .problem = fmt::format(
                       "an unfinished pull of {} (blobs/{}…{}): pull the model again to go on",
                       human_bytes(bytes_of(file)), blob.substr(0, 19), kPartial),
                   .fetch = {}});
  }
}

}  // namespace

std::vector<StoredModel> ollama_models(const Path& folder) {
  std::vector<StoredModel> out;
  std::set<std::string> named;  // blobs that a manifest has
  for (const std::string_view root : {"manifests-v2", "manifests"})
    for (const auto& host : listed(folder / root))
      for (const auto& space : listed(host))
        for (const auto& model : listed(space))
          for (const auto& tag : listed(model)) {
            std::error_code ec;
            const auto tag_name = tag.filename().string();
            if (fs::is_directory(tag, ec) || tag_name.starts_with(".")) continue;
            StoredModel found{
                .program = Program::kOllama,
                .name = short_name(host.filename().string(), space.filename().string(),
                                   model.filename().string(), tag_name),
                .files = {},
                .bytes = 0,
                .problem = {},
                .fetch = {}};
            // The older form of a manifest is not looked at where there is the newer.
            if (std::ranges::find(out, found.name, &StoredModel::name) != out.end()) continue;
            found.fetch = fetch_command(Program::kOllama, found.name);
            if (!fs::exists(tag, ec))
              found.problem = fmt::format("its manifest is missing ({})", root);
            else
              find_blob(runnable(read_manifest(tag), folder), folder, found, named);
            out.push_back(std::move(found));
          }
  add_unfinished(folder, named, out);
  return out;
}

}  // namespace coe::store
