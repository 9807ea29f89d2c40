// coe-make-model: random GGUF files in the shapes of real MoE models, for tests and measurements
// that need the size and not the sense.
#include "coe/base/text.h"

#include "make_model/mask.h"
#include "make_model/shape.h"
#include "make_model/write.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <utility>

namespace {

struct Arguments {
  coe::tools::ShapeOptions shape;
  coe::tools::WriteOptions write;
  coe::Path mask;
  std::uint32_t n_keep = 0;
  bool no_vocabulary = false;
  bool force = false;
};

coe::Status make(Arguments arguments) {
  arguments.shape.vocabulary = !arguments.no_vocabulary;
  if (arguments.force) arguments.write.overwrite = coe::Overwrite::kAllow;
  const auto start = std::chrono::steady_clock::now();
  COE_TRY(auto model, coe::tools::build_model(arguments.shape));
  if (!arguments.mask.empty()) {
    COE_TRY(const auto text,
            coe::tools::random_mask(model, arguments.n_keep, arguments.write.seed));
    COE_TRY_STATUS(coe::write_file(arguments.mask, text, arguments.write.overwrite));
  }
  COE_TRY(const auto files, coe::tools::write_model(std::move(model), arguments.write));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::uint64_t total = 0;
  for (const auto& file : files) {
    fmt::print("{}: {} ({} of them header), {} tensors\n", file.path.string(),
               coe::human_bytes(file.n_bytes), coe::human_bytes(file.header_bytes), file.n_tensor);
    total += file.n_bytes;
  }
  fmt::print("seed {}, {:.1f} s, {:.2f} GB/s\n", arguments.write.seed, seconds,
             static_cast<double>(total) / seconds / 1e9);
  return {};
}

int run(int argc, char** argv) {
  CLI::App app("Write a GGUF file of random, finite weights in the shape of a real MoE model.",
               "coe-make-model");
  Arguments arguments;
  app.add_option("shape", arguments.shape.shape, "The model to be like")
      ->required()
      ->check(CLI::IsMember(coe::tools::shape_names()));
  app.add_option("-o,--output", arguments.write.output, "GGUF to write")->required();
  app.add_option("--layers", arguments.shape.n_layer,
                 "Layers, MTP blocks not counted (0: as the real model)");
  app.add_option("--experts", arguments.shape.n_expert, "Experts a layer (0: as the real model)");
  app.add_option("--vocab", arguments.shape.n_vocab, "Tokens (0: as the real model)");
  app.add_option("--seed", arguments.write.seed, "Of the weights")->capture_default_str();
  app.add_option("--split-max-size", arguments.write.split_max_bytes,
                 "Write shards of at most so much tensor data, e.g. 2GB")
      ->transform(CLI::AsSizeValue(true));
  auto* mask =
      app.add_option("--mask", arguments.mask, "Write a mask that keeps random experts, too");
  app.add_option("--keep", arguments.n_keep, "Experts a layer that the mask keeps")->needs(mask);
  app.add_flag("--no-vocab", arguments.no_vocabulary, "Leave out the synthetic vocabulary");
  app.add_flag("--force", arguments.force, "Overwrite outputs that exist");
  CLI11_PARSE(app, argc, argv);
  const auto status = make(arguments);
  if (status) return 0;
  fmt::print(stderr, "error: {}\n", status.error().message);
  if (!status.error().hint.empty()) fmt::print(stderr, "hint: {}\n", status.error().hint);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: internal: %s\n", e.what());
    return 70;
  }
}
