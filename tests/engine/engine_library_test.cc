#include "coe/engine/engine_library.h"

#include "coe/engine/no_engine.h"

#include "support/expect.h"
#include "support/fake_library.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::FakeLibrary;
using ::coe::testing::value_of;

TEST(LazyEngine, IsOpenedOnceAndOnlyWhenNeeded) {
  const FakeLibrary library;
  LazyEngine engine(library, {});
  EXPECT_EQ(library.n_opened, 0);
  Engine* const first = value_of(engine.get());
  EXPECT_EQ(value_of(engine.get()), first);
  EXPECT_EQ(library.n_opened, 1);
}

TEST(LazyEngine, OpensAgainAfterItWasClosed) {
  const FakeLibrary library;
  LazyEngine engine(library, {});
  ASSERT_TRUE(engine.get());
  engine.close();
  ASSERT_TRUE(engine.get());
  EXPECT_EQ(library.n_opened, 2);
}

TEST(LazyEngine, PassesErrorsOnAndTriesAgain) {
  bool works = false;
  const FakeLibrary library([&](const EngineOptions&) -> Result<std::unique_ptr<Engine>> {
    if (!works) return fail(Code::kEngine, "no memory");
    return std::make_unique<FakeEngine>(FakeEngineOptions{});
  });
  LazyEngine engine(library, {});
  expect_error(engine.get(), Code::kEngine, "no memory");
  works = true;
  EXPECT_TRUE(engine.get());
}

TEST(LazyEngine, OpensWithItsOptions) {
  EngineOptions seen;
  const FakeLibrary library([&](const EngineOptions& options) -> Result<std::unique_ptr<Engine>> {
    seen = options;
    return std::make_unique<FakeEngine>(FakeEngineOptions{});
  });
  EngineOptions options;
  options.model = "m.gguf";
  options.n_batch = 7;
  LazyEngine engine(library, options);
  ASSERT_TRUE(engine.get());
  EXPECT_EQ(seen.model, "m.gguf");
  EXPECT_EQ(seen.n_batch, 7U);
}

TEST(NoEngine, SaysThatThereIsNoneAndHowToGetOne) {
  const auto& library = no_engine_library();
  const auto opened = library.open({});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kEngine);
  EXPECT_EQ(opened.error().message, "this build of coe has no inference engine");
  EXPECT_EQ(opened.error().hint, "build with -DCOE_ENGINE=ON to run models");
  expect_error(library.open_plain({}), Code::kEngine, "no inference engine");
  const std::array contexts = {512U};
  expect_error(library.predict_memory({}, contexts), Code::kEngine, "no inference engine");
}

TEST(NoEngine, HasNoDevicesNoValuesAndNoRevision) {
  const auto& library = no_engine_library();
  EXPECT_TRUE(library.devices().empty());
  EXPECT_EQ(library.dequantizer(), nullptr);
  EXPECT_EQ(library.version(), "none");
  EXPECT_EQ(library.revision(), "");
}

}  // namespace
}  // namespace coe
