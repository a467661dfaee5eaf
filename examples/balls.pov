// Balls and boxes on a table: three red balls, two blue boxes, a yellow ball, a green cone.
#version 3.7;
global_settings { assumed_gamma 1.0 max_trace_level 6 }
camera {
  location <0, 5.2, -9> look_at <0, 0.55, 0> angle 40
  aperture 0.12 blur_samples 20 focal_point <0, 0.6, -0.6> variance 1/4000
}
light_source { <-6, 10, -6> rgb 1.0 area_light <2, 0, 0>, <0, 0, 2>, 5, 5 adaptive 1 jitter }
light_source { <8, 6, -4> rgb 0.25 shadowless }
sky_sphere { pigment { gradient y color_map { [0 rgb <0.85, 0.87, 0.9>] [1 rgb <0.55, 0.65, 0.8>] } } }
plane { y, 0
  pigment { wood turbulence 0.08 scale 0.7 rotate <0, 75, 4>
    color_map { [0 rgb <0.72, 0.55, 0.38>] [1 rgb <0.62, 0.45, 0.29>] } }
  finish { diffuse 0.8 reflection 0.04 } }
#macro Paint(Colour) pigment { rgb Colour } finish { diffuse 0.75 specular 0.5 roughness 0.02 reflection 0.06 } #end
sphere { <-2.4, 0.8, 0.6>, 0.8 Paint(<0.75, 0.03, 0.03>) }
sphere { <0.2, 0.7, -1.4>, 0.7 Paint(<0.75, 0.03, 0.03>) }
sphere { <2.6, 0.75, 1.2>, 0.75 Paint(<0.75, 0.03, 0.03>) }
box { <-0.65, 0, -0.65>, <0.65, 1.3, 0.65> rotate 25*y translate <0.5, 0, 1.5> Paint(<0.04, 0.1, 0.6>) }
box { <-0.5, 0, -0.5>, <0.5, 1, 0.5> rotate -20*y translate <-1.5, 0, -1.6> Paint(<0.04, 0.1, 0.6>) }
sphere { <2.1, 0.6, -1.2>, 0.6 Paint(<0.9, 0.7, 0.02>) }
cone { <-0.9, 0, 2.4>, 0.7, <-0.9, 1.6, 2.4>, 0 Paint(<0.03, 0.4, 0.08>) }
