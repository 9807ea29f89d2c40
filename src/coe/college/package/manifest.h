// manifest.json of a package, schema `coe.package/1`. Source: docs/formats/package.md.
#pragma once

#include "coe/base/result.h"
#include "coe/college/package/facts.h"
#include "coe/engine/chat.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

inline constexpr std::string_view kPackageSchema = "coe.package/1";
// Questions and answers of the chat check; there only where the manifest has `chat_check`.
inline constexpr std::string_view kChatCheckFile = "chat-check.json";

struct PackagedFile {
  std::string path;  // within the package, with '/'
  std::uint64_t bytes = 0;
  std::string sha256;
};

struct PackageModel {
  std::string file;
  std::string name;  // general.name
  std::string architecture;
  std::string digest;
  std::uint64_t bytes = 0;
  std::string sha256;
  std::uint32_t n_expert = 0;
  std::uint32_t n_expert_used = 0;
  std::uint32_t n_block = 0;
  std::uint32_t n_ctx_train = 0;
  std::string quantization;          // may be empty
  std::string chat_template_sha256;  // empty: it has none
  // llama.cpp's own programs load only a part of the file: text_part.h.
  bool needs_text_part = false;
};

// An empty text is null in JSON: not known.
struct PackageParent {
  std::string name;
  std::string digest;
  std::uint32_t n_expert = 0;
  std::string file;
  std::uint64_t bytes = 0;
  std::string sha256;
};

struct PackageRecipe {
  std::string mode;              // "slice" or "zero"
  std::optional<bool> drop_mtp;  // nullopt: not known
  std::string name;              // of `--name`
  std::string coe_version;
  std::uint32_t n_used = 0;           // of `--experts-used`; 0: as many as the parent uses
  std::string heal_settings = {};     // CutRecords's; empty: the child is only cut
  std::string heal_text_digest = {};  // of the text that it was healed on
  bool is_healed() const { return !heal_settings.empty(); }
};

struct PackageEvaluation {
  std::string sha256;
  std::string corpus;
  std::string engine;
  std::uint64_t n_record = 0;
  std::uint64_t n_token = 0;
};

// What NAME.chat.json says of the child; its questions and answers are in a file of their own.
struct PackageChatCheck {
  std::uint32_t n_question = 0;
  std::uint32_t n_answer = 0;
  std::uint32_t n_bad = 0;
  std::uint32_t max_new_tokens = 0;
  bool passed = false;
};

struct PackageManifest {
  std::string version;  // of the coe that packaged
  std::string name;     // title of the card
  std::string slug;     // name for servers and folders
  std::string publisher;
  PackageModel model;
  PackageParent parent;
  std::string mask_digest;
  std::string domain;
  PackageRecipe recipe;
  std::string engine;
  std::string engine_revision;
  std::string license;
  std::string base_model;
  std::string thinking;  // thinking_name(); empty: not known
  std::uint32_t n_ctx = 0;
  std::uint32_t max_new_tokens = 0;
  Sampling sampling;
  std::vector<ProfileFacts> profiles;
  std::optional<PackageEvaluation> evaluation;
  std::optional<PackageChatCheck> chat_check;
  std::vector<std::string> missing;  // facts that are not known, in words
  std::vector<PackagedFile> files;   // all but the manifest, sorted by path
};

nlohmann::ordered_json manifest_json(const PackageManifest& manifest);
std::string manifest_text(const PackageManifest& manifest);

// `name` stands for the file in messages. Errors: kCorrupt, naming the key; kUnsupported for a
// newer schema. Paths lead nowhere outside the package.
Result<PackageManifest> parse_manifest(std::string_view text, std::string_view name);

// The command that makes the child again from the parent and mask.json; of a healed one, which
// needs its text for that, the command that proves it.
std::vector<std::string> rebuild_command(const PackageManifest& manifest);

}  // namespace coe
