// A profile of the fake engine's own routing, and text to measure masks with.
#pragma once

#include "coe/corpus/corpus.h"
#include "coe/engine/fake_engine.h"
#include "coe/measure/tune/measure.h"
#include "coe/model/gguf/reader.h"
#include "coe/profile/profile.h"

#include "support/expect.h"
#include "support/fake_model.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <cstddef>
#include <optional>
#include <string>

namespace coe::testing {

class FakeBench {
 public:
  FakeBench() {
    write_tiny(dir_ / "m.gguf", tiny_moe({}));
    file_ = value_of(gguf::GgufFile::open(dir_ / "m.gguf"));
    model = fake_model(engine);
    text.domains.push_back({"a", 1.0, {}});
    for (std::size_t i = 0; i < 8; ++i)
      text.domains[0].records.push_back({"record " + std::to_string(i) + " of the text", "t"});
    stats = value_of(run_profile(engine, model, text, {}, silent_observer()));
  }
  Bench bench() { return {engine, *file_, model, text, {}}; }

  FakeEngine engine{FakeEngineOptions{}};
  MoeModel model;
  Corpus text;
  RoutingStats stats;

 private:
  TempDir dir_;
  std::optional<gguf::GgufFile> file_;
};

}  // namespace coe::testing
