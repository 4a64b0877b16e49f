use dialogue::prelude::*;

fn main() {
    let _ = Dialogue::builder()
        .on_joined(|_client, _room| async { Ok(()) })
        .on_disconnected(|_client| async { Ok(()) });
}
