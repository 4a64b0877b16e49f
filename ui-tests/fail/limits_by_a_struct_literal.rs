use dialogue::Limits;

fn main() {
    let _ = Limits { max_rooms: 5, ..Limits::default() };
}
