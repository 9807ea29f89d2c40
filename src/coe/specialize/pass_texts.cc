#include "coe/specialize/pass_texts.h"

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/corpus/select.h"
#include "coe/mask/score/parts.h"
#include "coe/model/gguf/encoding.h"
#include "coe/profile/chat.h"
#include "coe/profile/routing/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace coe {

namespace {

// The router temperature of the reference's filter: docs/method.md, section 4, variant T06.
constexpr double kOtherTemperature = 0.6;

// GGUF files begin with their name; no JSON does.
Result<bool> is_gguf(const Path& file) {
  std::error_code ec;
  if (std::filesystem::is_directory(file, ec) || file == "-") return false;
  COE_TRY(const auto mapped, MappedFile::open(file));
  const auto bytes = mapped.bytes();
  return bytes.size() >= gguf::kMagic.size() &&
         std::memcmp(bytes.data(), gguf::kMagic.data(), gguf::kMagic.size()) == 0;
}

bool has_role(const DomainStats& domain) { return without_role(domain.name) != domain.name; }

// A finished profile says so by itself; else the engine must look at the text.
Result<bool> by_role(const Corpus& text, const Path& file, LazyEngine& engine) {
  std::error_code ec;
  if (std::filesystem::exists(file, ec)) {
    if (const auto found = read_profile(file)) return std::ranges::any_of(found->domains, has_role);
  }
  COE_TRY(auto* const running, engine.get());
  return are_chats(*running, text);
}

}  // namespace

Status PassTexts::add(const Path& file, const TakeOptions& options, const ModelId& parent,
                      const Corpus& evaluation, Observer& observer) {
  if (texts_.contains(file)) return {};
  COE_TRY(const bool profile, is_gguf(file));
  if (profile) {
    COE_TRY(const auto digest, files_.load(file));
    return check_same_model(parent, files_.set().find(digest)->stats->parent, file.string());
  }
  COE_TRY(auto text, take_text(std::array{file}, options, observer));
  COE_TRY_STATUS(check_disjoint(text.corpus, evaluation));
  texts_.emplace(file, std::move(text.corpus));
  taken_.push_back(std::move(text.taken));
  return {};
}

Result<std::string> PassTexts::profile_of(const Path& file, const ProfileUse& use,
                                          const Making& making, Observer& observer) {
  const auto text = texts_.find(file);
  if (text == texts_.end()) return files_.load(file);
  const std::pair key(file, use.other_temperature);
  if (const auto known = digests_.find(key); known != digests_.end()) return known->second;
  ProfileStage stage = making.stage;
  stage.file = making.file_of(use.name);
  stage.on_work = [&] { making.begin(use.name); };
  ProfileOptions options = making.options;
  COE_TRY(options.roles, by_role(text->second, stage.file, making.engine));
  if (use.by_role && !options.roles)
    return fail(Code::kCorrupt,
                fmt::format("{}: its records are no chats of the parent's template, and closure "
                            "looks at where thinking ends",
                            file.string()),
                "give chats with thinking, for example those of `coe profile --generate "
                "--save-text`");
  if (use.other_temperature) options.router_temperature = kOtherTemperature;
  COE_TRY(auto done,
          profile_stage(making.engine, making.parent, text->second, options, stage, observer));
  making.done(use.name, stage.file, done);
  const auto& kept = made_.emplace_back(std::move(done.run.stats));
  return digests_[key] = files_.add(stage.file.string(), kept);
}

}  // namespace coe
