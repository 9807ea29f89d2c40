#include "coe/measure/scores/healed.h"

#include "coe/base/hash.h"
#include "coe/child/surgery/child_source.h"
#include "coe/child/surgery/plan.h"
#include "coe/measure/eval/parent_cache.h"
#include "coe/measure/eval/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <system_error>
#include <utility>

namespace coe {

namespace {

Corpus corpus_of(const SubDomain& text) {
  Corpus corpus;
  corpus.domains.push_back(text);
  return corpus;
}

// Runs the parent over the held-out text, and keeps what children are held to.
Status keep_parent_logits(const HealedBench& bench, const ParentCacheOptions& options,
                          const SubDomain& evaluation, Observer& observer) {
  COE_TRY(auto* const engine, bench.cells.engine.get());
  const EvalSubject parent{engine, nullptr, "the parent"};
  COE_TRY(const auto cache, ParentCache::open(options, &parent));
  return evaluate_against({&parent, 1}, cache.get(), corpus_of(evaluation), bench.cells.eval,
                          observer)
      .map([](const auto&) {});
}

// The healed child, read as it would be written.
Result<std::unique_ptr<Engine>> open_healed(const HealedBench& bench, const KeepMask& mask,
                                            const Split& text, const Corpus& whole,
                                            Observer& observer) {
  SurgeryOptions surgery;
  {
    COE_TRY(auto* const engine, bench.cells.engine.get());
    COE_TRY(const auto healing, heal(*engine, bench.model.file, bench.model.moe, mask, text.rest,
                                     text.held_out, bench.options, *bench.library.dequantizer(),
                                     *bench.library.quantizer(), observer));
    bench.cells.engine.close();  // one model in memory at a time
    add_healing(healing, whole.digest, surgery);
  }
  COE_TRY(auto plan, plan_surgery(bench.model.file, bench.model.moe, mask, surgery));
  COE_TRY(auto parent, gguf::GgufFile::open(bench.engine.model));
  auto child = bench.engine;
  child.source = child_source(std::move(parent), std::move(plan),
                              fmt::format("{}, healed", bench.engine.model.string()));
  return bench.library.open(child);
}

}  // namespace

std::string healed_cell(const KeepMask& mask, const HealOptions& options, const Corpus& text) {
  Hasher hasher;
  for (const auto& part : {mask.digest(), heal_settings(options), text.digest}) hasher.add(part);
  return "healed-" + hasher.digest();
}

Status fill_healed(const HealedBench& bench, const Corpus& text, const SubDomain& evaluation,
                   std::span<const KeepMask* const> masks, DomainCells& cells, Observer& observer) {
  std::vector<const KeepMask*> missing;
  for (const auto* mask : masks)
    if (cells.find(healed_cell(*mask, bench.options, text)) == nullptr) missing.push_back(mask);
  if (missing.empty()) return {};
  COE_TRY(const auto split, split_for_healing(text));
  ParentCacheOptions logits;
  logits.file = bench.parent_logits;
  logits.model_digest = bench.model.moe.id.digest;
  logits.settings = bench.cells.settings;
  std::error_code ec;
  std::filesystem::remove(logits.file, ec);  // of a run that was stopped
  COE_TRY_STATUS(keep_parent_logits(bench, logits, evaluation, observer));
  for (const auto* mask : missing) {
    COE_TRY(const auto engine, open_healed(bench, *mask, split, text, observer));
    COE_TRY(const auto reference, ParentCache::open(logits, nullptr));
    const EvalSubject subject{engine.get(), nullptr, "the healed child"};
    COE_TRY(const auto reports,
            evaluate_against({&subject, 1}, reference.get(), corpus_of(evaluation),
                             bench.cells.eval, observer));
    std::map<std::string, DomainEval, std::less<>> measured;
    measured.emplace(healed_cell(*mask, bench.options, text), reports.front().total());
    COE_TRY_STATUS(cells.add(std::move(measured), engine->info().engine));
    remove_heal_state(bench.options.state);
  }
  std::filesystem::remove(logits.file, ec);
  return {};
}

}  // namespace coe
