//! No library: the benchmarks are in `benches/parts.rs`, and `cargo bench -p parts` runs them.
